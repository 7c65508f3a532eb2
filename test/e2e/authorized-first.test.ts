import { openShop } from '../shop.ts';
import { authorizedFirst } from './authorized-first.ts';

authorizedFirst('one process on a folder', openShop);
