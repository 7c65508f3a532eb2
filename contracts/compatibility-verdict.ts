import { narrowings } from './compatibility.ts';
import type { KeptSchema, PresentType } from './compatibility-schemas.ts';

/** What the golden files hold, each by `<Type>.v<N>`, and how many upcasters there are for each type. */
export type Kept = {
  readonly schemas: ReadonlyMap<string, KeptSchema>;
  readonly records: ReadonlySet<string>;
  readonly upcasters: Readonly<Record<string, number>>;
};

/** What is wrong with a type. `refresh`: nothing is, and `npm run golden` writes its golden schema anew. */
export type Complaint = {
  readonly type: string;
  readonly kind: 'incompatible' | 'no-upcaster' | 'no-golden' | 'gone' | 'refresh';
  readonly text: string;
};

/** The name of a golden file without its ending. */
export const goldenName = (type: string, version: number): string => `${type}.v${version}`;

/** Compares the types as they are now with the golden files; nothing where all that was ever written can be read. */
export const verdict = (present: readonly PresentType[], kept: Kept): Complaint[] => [
  ...present.flatMap((type) => [
    ...changed(type, kept),
    ...withoutUpcaster(type, kept),
    ...withoutGolden(type, kept),
  ]),
  ...gone(present, kept),
];

const changed = ({ type, version, schema }: PresentType, { schemas }: Kept): Complaint[] => {
  const golden = schemas.get(goldenName(type, version));
  if (golden === undefined) return [];
  const found = narrowings(golden, schema);
  if (found.length > 0) {
    const list = found.map(({ field, change }) => `  ${field} ${change}`).join('\n');
    return [
      {
        type,
        kind: 'incompatible',
        text:
          `${type} version ${version} does not take what was written with it:\n${list}\n` +
          `  Make it version ${version + 1} (versions in contracts/registry.ts), with the upcaster that is missing: ` +
          `${type} from ${version} to ${version + 1} (upcasters.${type}[${version - 1}] in contracts/upcasters.ts).`,
      },
    ];
  }
  if (same(golden, schema)) return [];
  const text = `${type} version ${version} has changed compatibly: npm run golden writes its golden schema anew.`;
  return [{ type, kind: 'refresh', text }];
};

/** Whether two schemas are the same but for the order of their keywords. */
const same = (one: unknown, other: unknown): boolean => sorted(one) === sorted(other);
const sorted = (it: unknown): string =>
  JSON.stringify(it, (_key, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );

const withoutUpcaster = ({ type, version }: PresentType, { upcasters }: Kept): Complaint[] => {
  const chain = upcasters[type] ?? 0;
  if (chain === version - 1) return [];
  const text =
    chain < version - 1
      ? `${type} is at version ${version}, and the upcaster from ${chain + 1} to ${chain + 2} is missing ` +
        `(upcasters.${type}[${chain}] in contracts/upcasters.ts).`
      : `${type} is at version ${version}, and has an upcaster to version ${chain + 1}: raise its version in contracts/registry.ts.`;
  return [{ type, kind: 'no-upcaster', text }];
};

const withoutGolden = ({ type, version }: PresentType, { schemas, records }: Kept): Complaint[] =>
  Array.from({ length: version }, (_, index) => index + 1).flatMap((each) => {
    const name = goldenName(type, each);
    const missing: string[] = [];
    if (!schemas.has(name)) {
      const fix = each === version ? 'npm run golden writes it' : 'it must not be removed: take it back';
      missing.push(
        `${type} version ${each} has no golden schema (contracts/golden/schemas/${name}.json): ${fix}.`,
      );
    }
    if (!records.has(name)) {
      const fix =
        each === version
          ? 'npm run golden -- --from <data folder> takes it from a log that holds one'
          : 'it must not be removed: take it back';
      missing.push(
        `${type} version ${each} has no golden record (contracts/golden/records/${name}.json): ${fix}.`,
      );
    }
    return missing.map((text): Complaint => ({ type, kind: 'no-golden', text }));
  });

/** Golden files of what this build does not know: logs hold such records for ever. */
const gone = (present: readonly PresentType[], { schemas, records }: Kept): Complaint[] => {
  const known = new Map(present.map(({ type, version }) => [type, version]));
  return [...new Set([...schemas.keys(), ...records])].flatMap((name) => {
    const [type = '', version = ''] = name.split('.v');
    if (Number(version) <= (known.get(type) ?? 0)) return [];
    const text = known.has(type)
      ? `${type} was at version ${version} once and is at ${known.get(type)} now: versions only grow.`
      : `${type} has golden files and is not in the registry: logs hold such records for ever.`;
    return [{ type, kind: 'gone', text }];
  });
};
