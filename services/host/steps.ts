import type { CommandName } from '@recourse/contracts/commands';
import type { CloudEvent } from '@recourse/contracts/envelope';
import type { EventData } from '@recourse/contracts/events';
import { addressee } from '@recourse/contracts/registry';
import { formatMoney } from './money.ts';
import { colours, visible } from './terminal.ts';

/** An order's history in words: one step for each event, and one for each command that a saga's step issued. */
export type Step = {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly kind: 'event' | 'command';
  /** Whose stream it stands in; of a command: who is asked. */
  readonly who: string;
  /** The wire name. */
  readonly name: string;
  readonly detail: string;
  /** Of an event or a command. An ask that is repeated has the id of the first. */
  readonly id: string;
};

/** The steps that an event tells of; none of a command's own message, which stands in its SagaAdvanced already. */
export const stepsOf = (event: CloudEvent): Step[] => {
  if (event.type in addressee) return [];
  const time = Date.parse(event.time);
  const who = streamOf(event).replace(/-[0-9a-f-]{36}$/, '');
  const step: Step = { time, kind: 'event', who, name: event.type, detail: detailOf(event), id: event.id };
  if (event.type !== 'SagaAdvanced') return [step];
  const { commands } = event.data as EventData['SagaAdvanced'];
  return [
    step,
    ...commands.map(({ id, type, data }): Step => {
      const detail = facts(data as Facts);
      return { time, kind: 'command', who: addressee[type as CommandName], name: type, detail, id };
    }),
  ];
};

const streamOf = ({ source }: CloudEvent) => decodeURIComponent(source.replace(/^\/streams\//, ''));

const detailOf = ({ type, data }: CloudEvent): string => {
  if (type === 'SagaAdvanced') {
    const { input, state } = data as EventData['SagaAdvanced'];
    return `${input.type}: ${state.value}`;
  }
  return facts(data as Facts);
};

/** What may stand in an event or a command that people want to see. */
type Facts = Readonly<Record<string, unknown>>;

const shown = [
  'country',
  'because',
  'reason',
  'quantity',
  'onHand',
  'by',
  'reference',
  'shipmentId',
  'from',
  'to',
  'note',
] as const;
const shownWhenTrue = ['nothing', 'late', 'overdue', 'cancellationRefused'] as const;

const facts = (data: Facts): string => {
  const parts: string[] = [];
  if (Array.isArray(data.lines)) parts.push(`${data.lines.length} line${data.lines.length === 1 ? '' : 's'}`);
  const amount = data.amount ?? data.total;
  if (typeof amount === 'number' && typeof data.currency === 'string')
    parts.push(formatMoney(amount, data.currency));
  for (const key of shown) if (data[key] !== undefined) parts.push(`${key} ${visible(String(data[key]))}`);
  for (const key of shownWhenTrue) if (data[key] === true) parts.push(key);
  if (Array.isArray(data.shortages)) {
    const skus = (data.shortages as EventData['InventoryFailed']['shortages']).map(
      ({ sku, requested, onHand, reason }) =>
        reason === 'unknown-sku'
          ? `${visible(sku)} is unknown`
          : `${visible(sku)}: ${requested} asked for, ${onHand} there`,
    );
    parts.push(...skus.slice(0, shortagesMax), ...(skus.length > shortagesMax ? ['…'] : []));
  }
  return parts.join(', ');
};

const shortagesMax = 3;

const nameWidth = 28;
const whoWidth = 11;

/** A step as a line of text: commands stand out by an arrow, the saga's own bookkeeping is dim. */
export const stepLine = (step: Step): string => {
  const who = step.who.padEnd(whoWidth);
  const name = step.name.padEnd(nameWidth);
  if (step.kind === 'command') return `${colours.cyan(`→ ${who}${name}`)}${step.detail}`;
  const line = `  ${who}${name}${step.detail}`;
  return step.who === 'saga' ? colours.dim(line) : line;
};

/** Milliseconds as seconds: `+0.004 s`. */
export const sinceText = (ms: number): string => `+${(ms / 1_000).toFixed(3)} s`;
