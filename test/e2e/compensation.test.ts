import { openShop } from '../shop.ts';
import { compensations } from './compensation.ts';

compensations('one process on a folder', openShop);
