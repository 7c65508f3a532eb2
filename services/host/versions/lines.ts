import type { Migration, MigrationPlan, SagaVersions } from '@recourse/contracts/http-versions';
import { colours, tableLines } from '../terminal.ts';

/** What the `versions` commands say to people. */

/** `recourse versions`. */
export const versionLines = ({ items, newOrders, known, position }: SagaVersions): string[] => {
  const rows = items.map(({ version, state, count }) => [
    version === null ? 'not begun' : `v${version}`,
    state,
    count.toLocaleString('en'),
  ]);
  const table = tableLines([['version', 'state', 'open'], ...rows], [2]);
  const { version, percent } = newOrders;
  const before = known[known.indexOf(version) - 1];
  const others = percent === 100 || before === undefined ? '' : `, ${100 - percent} of them on v${before}`;
  return [
    ...(items.length === 0 ? ['No saga is open.'] : table),
    '',
    `Of a hundred new orders ${before === undefined ? 100 : percent} begin on v${version}${others}.`,
    colours.dim(`As of position ${position}.`),
  ];
};

/** `recourse versions plan`. */
export const planLines = (plan: MigrationPlan): string[] => {
  const { to, open, thereAlready, canMove, cannotMove, position } = plan;
  const can = total(canMove);
  const cannot = total(cannotMove);
  return [
    colours.bold(`To v${to}: ${sagas(can)} of ${number(open)} open can move, ${number(cannot)} cannot.`),
    ...(thereAlready === 0
      ? []
      : [`${sagas(thereAlready)} ${thereAlready === 1 ? 'is' : 'are'} there already.`]),
    ...movableLines('can move', canMove),
    ...refusedLines(cannotMove),
    '',
    colours.dim(`As of position ${position}; nothing was touched.`),
    ...(can === 0 ? [] : [`To do it: recourse versions migrate --to v${to}`]),
  ];
};

/** `recourse versions migrate`, also with `--undo`. */
export const migrationLines = (
  { moved, movedOn, pending, cannotMove }: Migration,
  undo: boolean,
): string[] => [
  colours.bold(`${sagas(total(moved))} ${undo ? 'put back' : 'moved'}.`),
  ...movableLines(undo ? 'put back' : 'moved', moved),
  ...refusedLines(cannotMove),
  ...(movedOn === 0
    ? []
    : ['', `${sagas(movedOn)} took another step before they could: run it again to ask them again.`]),
  ...(pending === 0
    ? []
    : [
        '',
        colours.yellow(
          `${sagas(pending)} had not heard of it yet: the wishes stand in the log, and will be heard.`,
        ),
      ]),
  ...(undo || moved.length === 0
    ? []
    : ['', 'Undo, for each until its next step: recourse versions migrate --undo']),
];

const number = (count: number) => count.toLocaleString('en');
const sagas = (count: number) => `${number(count)} ${count === 1 ? 'saga' : 'sagas'}`;
const total = (groups: readonly { readonly count: number }[]) =>
  groups.reduce((sum, { count }) => sum + count, 0);

const movableLines = (title: string, groups: Migration['moved']): string[] =>
  groups.length === 0
    ? []
    : [
        '',
        ...tableLines(
          [
            ['version', 'from', 'to', title],
            ...groups.map(({ from, state, to, count }) => [
              `v${from}`,
              state,
              { text: to, paint: colours.green },
              number(count),
            ]),
          ],
          [3],
        ),
      ];

const refusedLines = (groups: Migration['cannotMove']): string[] =>
  groups.length === 0
    ? []
    : [
        '',
        ...tableLines([
          ['version', 'state', 'cannot', 'code', 'because', 'such as'],
          ...groups.map(({ from, state, count, code, why, sagas: named }) => [
            from === null ? '' : `v${from}`,
            state,
            number(count),
            { text: code, paint: colours.yellow },
            why,
            named[0] ?? '',
          ]),
        ]),
      ];
