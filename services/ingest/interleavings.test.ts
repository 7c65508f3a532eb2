import { describe, expect, it } from '@jest/globals';
import { type AnswerEvent, answered, answersOf } from '@recourse/contracts/answers';
import type { CommandName } from '@recourse/contracts/commands';
import { eventData } from '@recourse/contracts/events';
import { PermanentError } from '@recourse/infra/errors';
import type { ReplyMessage } from '@recourse/infra/ports/broker';
import fc from 'fast-check';
import { keepingLogger, nthCommand, openRoom, orderId } from '../../test/participant-kit.ts';
import { ingestService } from './service.ts';
import { asked, commandOf, issue, reply } from './testing/replies.ts';

const commands = Object.keys(asked) as CommandName[];
const idOf = (type: CommandName) => nthCommand(commands.indexOf(type) + 1);

/** Every answer that a program could give, right ones and wrong ones. */
const anyReply: fc.Arbitrary<ReplyMessage> = fc
  .constantFrom(...answersOf('payment'), ...answersOf('shipping'))
  .chain(([command, type]) =>
    fc
      .record({ amount: fc.constantFrom(500, 0), nothing: fc.boolean(), text: fc.constantFrom('x', 'y') })
      .map(({ amount, nothing, text }) => {
        const all: Record<string, unknown> = {
          commandId: idOf(command),
          ...{ amount, currency: 'GBP', nothing, reason: text, shortages: [] },
          ...{ chargeId: text, authorizationId: text, captureId: text, shipmentId: text },
        };
        const names = Object.keys(eventData[type].shape);
        return reply(
          orderId,
          type,
          Object.fromEntries(names.filter((it) => it in all).map((it) => [it, all[it]])),
        );
      }),
  );

const life = fc.array(
  fc.record({ message: anyReply, by: fc.constantFrom(0, 1), times: fc.constantFrom(1, 1, 2) }),
  {
    minLength: 1,
    maxLength: 24,
  },
);

const categories = ['payment', 'shipping'] as const;
const isLate = ({ data }: AnswerEvent) => (data as { late?: true }).late === true;

describe('answers in any order, repeated and contradicting each other', () => {
  it('leave one answer to each command, one truth, and nothing that a repeat would change', async () => {
    await fc.assert(
      fc.asyncProperty(life, async (heard) => {
        const room = openRoom();
        try {
          await issue(room.log, orderId, ...commands.map((it) => commandOf(it, idOf(it))));
          const foreign = new Set(categories);
          const { logger } = keepingLogger();
          const processes = [0, 1].map(() => ingestService({ log: room.log, foreign, logger }).groups[0]!);
          const say = async (message: ReplyMessage, by: number): Promise<'taken' | 'refused'> => {
            try {
              await processes[by]!.handle(message);
              return 'taken';
            } catch (error) {
              if (!(error instanceof PermanentError)) throw error;
              return 'refused';
            }
          };
          const taken: ReplyMessage[] = [];
          for (const { message, by, times } of heard) {
            const verdicts = [];
            const headBefore = await room.log.head();
            for (let n = 0; n < times; n += 1) verdicts.push(await say(message, (by + n) % 2));
            expect(new Set(verdicts).size).toBe(1);
            if ((await room.log.head()) > headBefore) taken.push(message);
          }
          const head = await room.log.head();
          for (const it of taken) expect(await say(it, 0)).toBe('taken');
          expect(await room.log.head()).toBe(head);
          for (const category of categories) judge((await room.events(category)) as unknown as AnswerEvent[]);
        } finally {
          await room.dispose();
        }
      }),
      { numRuns: 150 },
    );
  });
});

/** What holds of a participant's stream whatever was said. */
const judge = (stream: readonly AnswerEvent[]): void => {
  for (const { type, data } of stream) expect(() => eventData[type].parse(data)).not.toThrow();
  const byCommand = Map.groupBy(stream, ({ data }) => data.commandId);
  for (const [id, answers] of byCommand) {
    expect(answers).toHaveLength(1);
    expect(idOf(answered.get(answers[0]!.type)!)).toBe(id);
  }
  const standing = new Map(stream.filter((it) => !isLate(it)).map((it) => [it.type, it.data] as const));
  // The pivot: shipped or taken back, never both; a refusal only of what is gone.
  expect(standing.has('OrderShipped') && standing.has('ShipmentCancelled')).toBe(false);
  if (standing.has('ShipmentCancellationRefused')) expect(standing.has('OrderShipped')).toBe(true);
  // Money: what goes back was taken, all of it.
  const refund = standing.get('PaymentRefunded') as { amount: number; nothing: boolean } | undefined;
  if (refund?.nothing === false) expect(refund.amount).toBe(500);
  if (refund?.nothing === true) {
    expect(refund.amount).toBe(0);
    expect(standing.has('PaymentProcessed')).toBe(false);
  }
};
