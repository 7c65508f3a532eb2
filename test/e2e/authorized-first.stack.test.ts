import { describeOnStack } from '../stack/kit.ts';
import { openStackShop } from '../stack/shop.ts';
import { authorizedFirst } from './authorized-first.ts';

describeOnStack('on Kafka and PostgreSQL', () => {
  authorizedFirst('one process with all roles', openStackShop);
});
