/**
 * What an EventStoreDB keeps, and what it answers to an append, as seen of EventStoreDB 22.10: streams with revisions,
 * one log of all with positions, and its ways with repeats, deleted streams and sizes. In memory.
 */

/** An event as it was sent. */
export type ProposedEvent = {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
};

/** An event as it is stored; `position` is its offset in the log, `createdMs` in milliseconds since 1970. */
export type StoredEvent = ProposedEvent & {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
  readonly createdMs: number;
};

/** What an append says the stream must be. */
export type Expected = number | 'no_stream' | 'stream_exists' | 'any';

/** What became of an append. */
export type Outcome =
  | { readonly kind: 'stored'; readonly revision: number; readonly position: number }
  | { readonly kind: 'wrong'; readonly current: number | undefined }
  | { readonly kind: 'tombstoned' }
  | { readonly kind: 'too-large'; readonly maxBytes: number };

/** How a store behaves. */
export type StoreOptions = {
  /** Milliseconds since 1970, by the server's clock. */
  readonly now: () => number;
  /** The most bytes of one append. */
  readonly appendBytesMax: number;
  /** After how many appends an event of the system's own follows; 0: never. */
  readonly systemEvery: number;
};

type Stream = { events: StoredEvent[]; head: number; deleted: boolean; tombstoned: boolean };

const bytesOf = ({ data, metadata, type }: ProposedEvent) => data.length + metadata.length + 2 * type.length;

const text = new TextEncoder();

/** An event that the server writes for itself. */
const systemEvent = (type: string, body: unknown): ProposedEvent => ({
  id: crypto.randomUUID(),
  type,
  contentType: 'application/json',
  data: text.encode(JSON.stringify(body)),
  metadata: new Uint8Array(),
});

/** A store, as a server has it that was started for the first time: with a few events of the system's own. */
export const memoryStore = ({ now, appendBytesMax, systemEvery }: StoreOptions) => {
  const all: StoredEvent[] = [];
  const streams = new Map<string, Stream>();
  /** Ids that this run of the server has seen: what `any` is held to. */
  let seen = new Map<string, StoredEvent>();
  let end = 0;
  let appends = 0;

  const streamOf = (name: string): Stream => {
    const stream = streams.get(name) ?? { events: [], head: -1, deleted: false, tombstoned: false };
    streams.set(name, stream);
    return stream;
  };

  const write = (name: string, events: readonly ProposedEvent[]): StoredEvent => {
    const stream = streamOf(name);
    for (const event of events) {
      stream.head += 1;
      const stored = { ...event, stream: name, revision: stream.head, position: end, createdMs: now() };
      end += 120 + bytesOf(event);
      all.push(stored);
      stream.events.push(stored);
      seen.set(event.id, stored);
    }
    stream.deleted = false;
    return stream.events.at(-1)!;
  };

  const accept = (name: string, events: readonly ProposedEvent[]): Outcome => {
    const { revision, position } = write(name, events);
    appends += 1;
    if (systemEvery > 0 && appends % systemEvery === 0)
      write('$stats-127.0.0.1:2113', [systemEvent('$statsCollected', { appends })]);
    return { kind: 'stored', revision, position };
  };

  const original = ({ revision, position }: StoredEvent): Outcome => ({ kind: 'stored', revision, position });

  /** Stands `events` right behind `expected` already? Then the last of them; `undefined` where not all do. */
  const repeated = ({ events: stored }: Stream, expected: number, events: readonly ProposedEvent[]) => {
    const behind = (index: number) => stored.find(({ revision }) => revision === expected + 1 + index);
    const same = events.every(({ id }, index) => behind(index)?.id === id);
    return same ? behind(events.length - 1) : undefined;
  };

  const appendToAny = (
    name: string,
    stream: Stream,
    expected: Expected,
    events: readonly ProposedEvent[],
  ) => {
    if (expected === 'stream_exists' && stream.head < 0)
      return { kind: 'wrong', current: undefined } as const;
    const known = events.map(({ id }) => seen.get(id)).filter((it) => it?.stream === name);
    if (known.length === 0) return accept(name, events);
    return known.length === events.length
      ? original(known.at(-1)!)
      : ({ kind: 'wrong', current: stream.head } as const);
  };

  const append = (name: string, expected: Expected, events: readonly ProposedEvent[]): Outcome => {
    const bytes = events.reduce((sum, event) => sum + bytesOf(event), 0);
    if (bytes > appendBytesMax) return { kind: 'too-large', maxBytes: appendBytesMax };
    const stream = streamOf(name);
    if (stream.tombstoned) return { kind: 'tombstoned' };
    // Seen: it says that all is well, and which revision it names is not one.
    if (events.length === 0) return { kind: 'stored', revision: 0, position: end };
    if (typeof expected !== 'number' && expected !== 'no_stream')
      return appendToAny(name, stream, expected, events);
    const revision = expected === 'no_stream' ? -1 : expected;
    if (revision === stream.head) return accept(name, events);
    const repeat = revision < stream.head ? repeated(stream, revision, events) : undefined;
    if (repeat !== undefined) return original(repeat);
    if (stream.deleted && expected === 'no_stream') return accept(name, events);
    return { kind: 'wrong', current: stream.head < 0 ? undefined : stream.head };
  };

  write('$user-admin', [systemEvent('$UserCreated', { loginName: 'admin' })]);
  write('$users', [systemEvent('$User', 'admin')]);

  return {
    append,
    /** Every event, in the order of positions. */
    all: (): readonly StoredEvent[] => all,
    /** Events of a stream in the order of revisions; `undefined` where there is none, or it was deleted. */
    stream: (name: string): readonly StoredEvent[] | 'tombstoned' | undefined => {
      const stream = streams.get(name);
      if (stream?.tombstoned) return 'tombstoned';
      return stream === undefined || stream.deleted || stream.head < 0 ? undefined : stream.events;
    },
    /** Deletes a stream; `for ever`: with a tombstone. */
    remove: (name: string, forEver: boolean): Outcome => {
      const stream = streamOf(name);
      if (stream.tombstoned) return { kind: 'tombstoned' };
      const { head } = stream;
      if (forEver) write(name, [systemEvent('$streamDeleted', {})]);
      else write(`$$${name}`, [systemEvent('$metadata', { $tb: Number.MAX_SAFE_INTEGER })]);
      Object.assign(stream, { head, events: [], deleted: !forEver, tombstoned: forEver });
      return { kind: 'stored', revision: head, position: all.at(-1)!.position };
    },
    /** Writes an event of the system's own. */
    writeSystemEvent: (stream: string, type: string): void => {
      write(stream, [systemEvent(type, {})]);
    },
    /** What a restart forgets: which ids it has seen lately. */
    forgetIds: (): void => {
      seen = new Map();
    },
  };
};

/** A store, as `memoryStore` makes it. */
export type MemoryStore = ReturnType<typeof memoryStore>;
