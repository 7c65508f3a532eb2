import { expect, it } from '@jest/globals';
import { describeOnStack, freshPrefix } from './kit.ts';
import { openStackShop } from './shop.ts';
import { topicsOf } from './topics.ts';

describeOnStack('a shop on the stack', () => {
  it('leaves no topic behind', async () => {
    const kafkaTopicPrefix = freshPrefix();
    const shop = await openStackShop({ flags: { kafkaTopicPrefix } });
    expect((await topicsOf(kafkaTopicPrefix)).length).toBeGreaterThan(10);
    await shop.end();
    expect(await topicsOf(kafkaTopicPrefix)).toEqual([]);
  });
});
