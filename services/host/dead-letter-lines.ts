import type { DeadLetter, DeadLetterList } from '@recourse/contracts/http';
import type { PoisonList, PoisonMessage } from '@recourse/contracts/http-dead-letters';
import { colours, tableLines } from './terminal.ts';

const textMax = 80;

/** One line, and not too long. */
const short = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > textMax ? `${line.slice(0, textMax - 1)}…` : line;
};

/** Dead letters, and messages that nobody can read, for people. */
export const deadLetterLines = (letters: DeadLetterList, poison: PoisonList): string[] => {
  if (letters.items.length === 0 && poison.items.length === 0) return ['There are no dead letters.'];
  return [
    ...(letters.items.length === 0
      ? []
      : tableLines([
          ['dead letter', 'since', 'group', 'order', 'type', 'error'],
          ...letters.items.map(({ id, parkedAt, group, orderId, type, error }) => [
            id,
            parkedAt,
            group,
            orderId,
            type,
            { text: short(error), paint: colours.red },
          ]),
        ])),
    ...(letters.nextCursor === null ? [] : ['There are more: --limit shows them.']),
    ...(poison.items.length === 0
      ? []
      : tableLines([
          ['cannot be read', 'since', 'group', 'topic', 'partition', 'offset', 'reason'],
          ...poison.items.map(({ id, foundAt, group, topic, partition, offset, reason }) => [
            id,
            foundAt,
            group,
            topic,
            String(partition),
            String(offset),
            { text: short(reason), paint: colours.red },
          ]),
        ])),
    ...(poison.nextCursor === null ? [] : ['There are more that cannot be read: --limit shows them.']),
  ];
};

/** One of them, whole. */
export const letterLines = (it: DeadLetter | PoisonMessage): string[] => [
  ...Object.entries(it)
    .filter(([name, value]) => name !== 'message' && name !== 'headers' && value !== null)
    .map(([name, value]) => `${name}: ${value}`),
  ...('headers' in it ? Object.entries(it.headers).map(([name, value]) => `header ${name}: ${value}`) : []),
  ...('message' in it ? ['message:', JSON.stringify(it.message, null, 2)] : []),
];
