import { closeSync, copyFileSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent, freshStream, someEvents } from '../../test/contract/event-log/events.ts';
import { noStream } from '../ports/event-log.ts';
import { recordBytes } from './testing/record-bytes.ts';
import { rewriteRecord } from './testing/rewrite.ts';
import { temporaryLogs } from './testing/temporary.ts';
import { headToVerify, verifyLog, verifyStructure } from './verify.ts';
import { findingList } from './verify-findings.ts';

const template = temporaryLogs();
const logs = temporaryLogs();
let whole: string;

beforeAll(async () => {
  whole = template.path();
  const log = template.open(whole);
  const [long, short] = [freshStream(), freshStream()];
  await log.append(short, noStream, someEvents(3));
  await log.append(long, noStream, [...someEvents(5), anEvent('a note that goes on and on, '.repeat(400))]);
  await log.append(short, 2, someEvents(2));
  await log.append(long, 5, someEvents(600));
  await log.append(freshStream(), noStream, [anEvent()]);
  await log.close();
});
afterEach(logs.clean);
afterAll(template.clean);

/** What is found in a log of which something was changed, and which records were told. */
const verified = (path: string, ownersCachedMax?: number) => {
  const findings = findingList();
  const told: number[] = [];
  verifyStructure(path, findings);
  const looked = verifyLog(
    path,
    headToVerify(path),
    findings,
    () => ({
      hears: () => true,
      onRecord: ({ position }) => told.push(position),
      onLost: () => {},
      onProgress: () => {},
      onEnd: () => {},
    }),
    ownersCachedMax,
  );
  return { counts: findings.counts(), findings: findings.listed(), told, looked };
};

const changed = (...statements: readonly string[]) => {
  const path = logs.path();
  copyFileSync(whole, path);
  const db = new DatabaseSync(path);
  for (const sql of statements) db.exec(sql);
  db.close();
  return path;
};

const codesIn = (path: string) => [...new Set(verified(path).findings.map(({ code }) => code))];
const saidOf = (path: string) => verified(path).findings.map(({ detail }) => detail);

const clean = { damage: 0, drift: 0, unchecked: 0, note: 0 };

describe('verifying a log', () => {
  it('finds nothing in one that is as it was written, and tells every record in order', () => {
    const { counts, told, looked } = verified(whole);
    expect(counts).toEqual(clean);
    expect(looked).toMatchObject({ records: 612, streams: 3 });
    expect(told).toEqual(Array.from({ length: 612 }, (_, index) => index + 1));
  });

  it('finds the same where it remembers one owner only, and looks the others up', () => {
    expect(verified(whole, 1)).toEqual(verified(whole));
    for (const position of [1, 8, 11])
      for (const sql of [
        `DELETE FROM records WHERE position = ${position}`,
        'UPDATE records SET before = 2 WHERE position = 11',
      ]) {
        const path = changed(sql);
        expect(verified(path, 1).findings.map(({ code }) => code)).toEqual(codesIn(path));
      }
  });

  it('looks up to a position only, also where streams have gone on since', () => {
    for (const upTo of [0, 1, 4, 9, 300]) {
      const findings = findingList();
      const heard = { hears: () => false, onRecord: () => {}, onLost: () => {}, onProgress: () => {} };
      const looked = verifyLog(whole, upTo, findings, () => ({ ...heard, onEnd: () => {} }));
      expect([upTo, findings.counts(), looked.records]).toEqual([upTo, clean, upTo]);
    }
  });

  it('finds and names the record in which any one byte of the file has changed', () => {
    const path = logs.path();
    const bytes = readFileSync(whole);
    copyFileSync(whole, path);
    const places = recordBytes(whole).flatMap(({ position, bytes }) => bytes.map((at) => ({ position, at })));
    const asked = places.filter(({ position }, index) => position < 12 || position > 610 || index % 97 === 0);
    const file = openSync(path, 'r+');
    const unnamed: unknown[] = [];
    for (const [index, { position, at }] of asked.filter((_, index) => index % 17 === 0).entries()) {
      const flipped = bytes[at]! ^ (1 << (index % 8));
      writeSync(file, Buffer.of(flipped), 0, 1, at);
      const { counts, findings } = verified(path);
      const named = findings.some(({ detail }) => new RegExp(`\\b${position}\\b`).test(detail));
      if (counts.damage === 0 || !named) unnamed.push({ position, at, flipped, findings });
      writeSync(file, bytes, at, 1, at);
    }
    closeSync(file);
    expect(unnamed).toEqual([]);
    expect(verified(path).counts).toEqual(clean);
  });

  it.each([
    ['first', 1, /record 1 \(saga-input-\S+ revision 0\) is missing/],
    ['middle', 8, /record 8 \(saga-input-\S+ revision 4\) is missing/],
    ['waymarked', 262, /record 262 \(saga-input-\S+ revision 256\) is missing/],
    ['last', 612, /record 612 \(saga-input-\S+ revision 0\) is missing/],
  ])('finds and names the %s record when it is dropped', (_, position, said) => {
    const path = changed(`DELETE FROM records WHERE position = ${position}`);
    expect(saidOf(path)).toEqual([expect.stringMatching(said)]);
    expect(codesIn(path)).toEqual(['record-missing']);
  });

  it('names a stretch that is missing by its ends, and each record that something points at', () => {
    const said = saidOf(changed('DELETE FROM records WHERE position BETWEEN 20 AND 601'));
    expect(said).toContainEqual(expect.stringMatching(/^record 601 \(\S+ revision 595\) is missing$/));
    expect(said).toContainEqual('records 20 to 261 are missing');
    expect(said).toContainEqual(expect.stringMatching(/^record 262 \(\S+ revision 256\) is missing$/));
  });

  it.each([
    [
      "a record's link",
      'UPDATE records SET before = 1 WHERE position = 3',
      'link-wrong',
      / record 3 .*position 1: it stands at 2/,
    ],
    [
      'a revision, with its checksum',
      'UPDATE records SET revision = 9 WHERE position = 3',
      'record-changed',
      /record 3 /,
    ],
    ['a time', 'UPDATE records SET time = 1 WHERE position = 3', 'record-changed', /record 3 .*checksum/],
    [
      'a head',
      'UPDATE heads SET head = head - 1, position = position - 1 WHERE position = 611',
      'head-wrong',
      /ends it with revision 604/,
    ],
    [
      'where a head stands',
      'UPDATE heads SET position = 4 WHERE position = 11',
      'head-wrong',
      /revision 4 at position 4: no such record/,
    ],
    [
      'a head away',
      'DELETE FROM heads WHERE position = 612',
      'head-missing',
      /holds 1 records of saga-input-/,
    ],
    [
      'a waymark',
      'UPDATE waymarks SET position = 300 WHERE revision = 256',
      'waymark-wrong',
      /record 262 .*says position 300/,
    ],
    ['a waymark away', 'DELETE FROM waymarks WHERE revision = 256', 'waymark-wrong', /record 262 .*has none/],
    [
      'a waymark more',
      'INSERT INTO waymarks SELECT stream, 17, 23 FROM waymarks LIMIT 1',
      'waymark-wrong',
      /revision 17 of .* position 23: it does not/,
    ],
    [
      "an owner's name",
      "UPDATE owners SET name = 'x' WHERE id = 3",
      'record-changed',
      /record 612 \(saga-input-x/,
    ],
    ['an owner away', 'DELETE FROM owners WHERE id = 3', 'record-changed', /record 612 is of stream number/],
    ['an owner more', "INSERT INTO owners VALUES (9, 'nobody')", 'owner-without-stream', /nobody/],
    ["a category's name", "UPDATE categories SET name = 'x'", 'record-changed', /record 1 \(x-/],
    [
      "a type's name",
      "UPDATE types SET name = 'Other' WHERE name = 'RetryRequested'",
      'record-changed',
      /Other/,
    ],
    [
      'a type away',
      "DELETE FROM types WHERE name = 'RetryRequested'",
      'record-changed',
      /record 1 is of type/,
    ],
  ])('finds %s changed', (_, sql, code, said) => {
    const path = changed(sql);
    expect(codesIn(path)).toContain(code);
    expect(verified(path).counts.damage).toBeGreaterThan(0);
    expect(saidOf(path).map((it) => ` ${it}`)).toContainEqual(expect.stringMatching(said));
  });

  it('says that a record is of a version that it does not know, and that this is no damage', async () => {
    const path = changed();
    const log = logs.open(path);
    await log.append(freshStream(), noStream, [anEvent()]);
    await log.close();
    const db = new DatabaseSync(path);
    db.exec("INSERT INTO types (id, name, version) VALUES (99, 'RetryRequested', 9)");
    db.close();
    rewriteRecord(path, 613, { type: 99 });
    const { counts, findings, told } = verified(path);
    expect(counts).toEqual({ ...clean, unchecked: 1 });
    expect(findings[0]).toMatchObject({ code: 'unknown-version', subject: 'position 613' });
    expect(findings[0]!.detail).toContain('RetryRequested) is of version 9');
    expect(told).not.toContain(613);
  });

  it('finds that times decrease, also where every checksum is right', () => {
    const path = changed();
    rewriteRecord(path, 612, { time: 1 });
    const { findings } = verified(path);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ code: 'time-decreased', subject: 'position 612' });
  });

  it('reads on where whole pages cannot be read, and says what is lost with them', () => {
    const path = logs.path();
    const bytes = readFileSync(whole);
    const records = recordBytes(whole);
    const page = Math.floor(records.find(({ position }) => position === 300)!.bytes[0]! / 4096);
    bytes.fill(0xff, page * 4096, page * 4096 + 200);
    writeFileSync(path, bytes);
    const { counts, told, findings } = verified(path);
    expect(counts.damage).toBeGreaterThan(1);
    expect(findings).toContainEqual(expect.objectContaining({ code: 'file-structure' }));
    expect(findings).toContainEqual(expect.objectContaining({ code: 'record-unreadable' }));
    expect(told).toEqual(expect.arrayContaining([1, 100, 611, 612]));
    expect(told).not.toContain(300);
  });
});
