import { randomUUID } from 'node:crypto';
import type { TimerSet } from '@recourse/contracts/events';
import type { EventId, OrderId, TimerId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { messagesOf } from '@recourse/infra/broker/messages';
import type { EventMessage } from '@recourse/infra/ports/broker';
import type { EventLog } from '@recourse/infra/ports/event-log';

/** A step of a saga, as far as timers notice it. */
export type Step = {
  readonly set?: readonly TimerSet[];
  readonly cancelled?: readonly TimerId[];
  /** The timer that the saga waits for from then on; default: the one to ask that is set. */
  readonly waitsFor?: TimerId | undefined;
  readonly done?: boolean;
};

/** Writes steps of sagas into a log. */
export const sagaSteps = (log: EventLog) => ({
  /** Appends a saga's next step; resolves with the message that carries it. */
  advance: async (order: OrderId, { set = [], cancelled = [], waitsFor, done }: Step) => {
    const stream = orderStream('saga', order);
    const of = (kind: TimerSet['kind']) => set.find((timer) => timer.kind === kind)?.id;
    const askTimer = waitsFor ?? of('ask');
    const deadlineTimer = of('deadline');
    const context = { sequence: {}, ...(askTimer && { askTimer }), ...(deadlineTimer && { deadlineTimer }) };
    const event = {
      type: 'SagaAdvanced' as const,
      id: randomUUID() as EventId,
      correlation: order,
      causation: order,
      data: {
        input: { id: randomUUID() as EventId, type: 'OrderCreated', category: 'order' as const, revision: 0 },
        machine: { name: 'order-saga' as const, version: 1 },
        state: { value: 'paying', status: done ? ('done' as const) : ('active' as const), context },
        commands: [],
        timers: { set, cancelled },
      },
    };
    await log.append(stream, await log.headOf(stream), [event as never]);
    const [stored] = await log.readStream(stream, { direction: 'backwards', max: 1 });
    const [message] = messagesOf(stored!, new Set(['saga.events' as const]));
    return message as EventMessage<'SagaAdvanced'>;
  },
});
