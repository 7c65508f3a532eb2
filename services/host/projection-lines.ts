import type { ProjectionList, ProjectionStatus } from '@recourse/contracts/http-projections';
import { colours, tableLines } from './terminal.ts';

/** The read models for people. */
export const projectionLines = ({ head, items }: ProjectionList): string[] => [
  ...tableLines(
    [
      ['projection', 'version', 'build', 'position', 'behind', 'state', 'rebuild'],
      ...items.map((it) => [
        it.name,
        String(it.version),
        String(it.build),
        String(Number(it.position)),
        String(it.behind),
        { text: it.state, paint: it.state === 'running' ? colours.green : colours.yellow },
        rebuildText(it),
      ]),
    ],
    [1, 2, 3, 4],
  ),
  ...items.flatMap(({ name, error, rebuild }) => [
    ...(error === null ? [] : [`${name}: ${errorText(error)}`]),
    ...(rebuild === null || rebuild.error === null
      ? []
      : [`rebuild of ${name}: ${errorText(rebuild.error)}`]),
  ]),
  `The log's head is ${Number(head)}.`,
];

/** What is said of one that has taken its place. */
export const rebuiltLine = ({ name, version, build, position }: ProjectionStatus): string =>
  `${name}: version ${version}, build ${build} serves, at position ${Number(position)}`;

const rebuildText = ({ rebuild }: ProjectionStatus): string => {
  if (rebuild === null) return '';
  const { version, build, position, behind, eventsPerSecond, secondsLeft, state } = rebuild;
  const at = Number(position);
  const share = Math.floor((100 * at) / Math.max(1, at + behind));
  const which = `version ${version}, build ${build}`;
  if (state !== 'running') return `${which}: ${state} at ${share} %`;
  const left = secondsLeft === null ? '' : `, ${secondsLeft} s left`;
  return `${which}: ${share} %, ${eventsPerSecond ?? '?'} events/s${left}`;
};

const errorText = ({ message, position, stream, type }: NonNullable<ProjectionStatus['error']>): string =>
  position === undefined ? message : `${message} at position ${Number(position)} (${stream}, ${type})`;
