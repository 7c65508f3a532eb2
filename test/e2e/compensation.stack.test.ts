import { describeOnStack } from '../stack/kit.ts';
import { openStackShop } from '../stack/shop.ts';
import { compensations } from './compensation.ts';

describeOnStack('on Kafka and PostgreSQL', () => {
  compensations('one process with all roles', openStackShop);
});
