import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Row, readRows } from './read-rows.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recourse-rows-'));
});
afterAll(() => rm(folder, { recursive: true }));

const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
const row = (invoice: string, sku = '85123A') =>
  `${invoice},${sku},A mug,6,2010-12-01,2.55,17850.0,United Kingdom`;
const sound = `${header}\n${row('1')}\n${row('2')}\n`;
/** Does not shrink, so that a part of its gzip is a part of its content. */
const long = `${header}\n${Array.from({ length: 5_000 }, (_, i) => row(String(i * 7919), `S${(i * 104_729) % 99_991}`)).join('\n')}\n`;

let files = 0;
const read = async (content: string | Uint8Array): Promise<{ rows: Row[]; sha256: string }> => {
  files += 1;
  const path = join(folder, `export-${files}`);
  await writeFile(path, content);
  const rows: Row[] = [];
  const sha256 = await readRows(path, (it) => rows.push(it));
  return { rows, sha256 };
};
const refusal = (content: string | Uint8Array) =>
  read(content).then(
    () => 'none',
    (error: Error) => error.message,
  );

describe('a shop’s export', () => {
  it('is read row by row, columns by their names and in any order', async () => {
    const { rows } = await read(
      'Country,UnitPrice,Quantity,Extra,CustomerID,StockCode,InvoiceNo\nFrance,1.5,2,?,,S,9\n',
    );
    expect(rows).toEqual([
      {
        line: 2,
        fields: {
          Country: 'France',
          UnitPrice: '1.5',
          Quantity: '2',
          CustomerID: '',
          StockCode: 'S',
          InvoiceNo: '9',
        },
      },
    ]);
  });

  it('is the same file packed and unpacked', async () => {
    const plain = await read(sound);
    expect(await read(gzipSync(sound))).toEqual(plain);
    expect((await read(`${sound}${row('3')}\n`)).sha256).not.toBe(plain.sha256);
  });

  it('may begin with a byte order mark, end lines with CRLF, and quote fields', async () => {
    const { rows } = await read(`\uFEFF${header}\r\n1,"A ""B"", C",x,1,d,2.0,,"Channel, Islands"\r\n`);
    expect(rows[0]?.fields).toMatchObject({
      InvoiceNo: '1',
      StockCode: 'A "B", C',
      Country: 'Channel, Islands',
    });
  });

  it('tells each row’s line, past empty lines and fields of several lines', async () => {
    const { rows } = await read(
      `${header}\n\n\n1,S,"two\nlines",1,d,2,,France\n${row('2')}\n\n3,short\n${row('4')}\n`,
    );
    expect(rows.map(({ line, fields }) => [line, fields?.InvoiceNo])).toEqual([
      [4, '1'],
      [6, '2'],
      [8, undefined],
      [9, '4'],
    ]);
  });

  it('is refused where a column is missing, by name', async () => {
    expect(await refusal('InvoiceNo,StockCode,Quantity,CustomerID\n1,2,3,4\n')).toMatch(
      /lacks the columns UnitPrice, Country; its first line has "InvoiceNo", "StockCode"/,
    );
  });

  it.each([
    ['an empty file', '', /is empty/],
    ['an empty gzip', gzipSync(''), /is empty/],
    ['empty lines only', '\n\n\n', /is empty/],
    ['something that is no CSV of orders', 'PK\u0003\u0004\u0000\u0001\n', /lacks the columns InvoiceNo/],
    ['a CSV cut off within a field', sound.slice(0, -6), /is cut off: its last line has no end/],
    ['a CSV cut off within a row', `${sound}3,851`, /is cut off: its last line has no end/],
    ['a CSV cut off within quotes', `${sound}3,"851`, /is no sound CSV: Quote Not Closed/],
    [
      'a CSV with a stray quote',
      `${header}\n1,a"b,x,1,d,2,,France\n`,
      /is no sound CSV: Invalid Opening Quote/,
    ],
    ['a gzip cut off', gzipSync(long).subarray(0, -4_000), /is cut off: the gzip has no end/],
    ['a gzip cut off before its checksum', gzipSync(long).subarray(0, -8), /is cut off: the gzip has no end/],
    ['a gzip with a flipped byte', flipped(gzipSync(long)), /is a corrupt gzip/],
  ])('is refused as a whole where it is %s', async (_, content, message) => {
    const refused = await refusal(content);
    expect(refused).toMatch(message);
    expect(refused).toMatch(/Nothing was sent\.$/);
  });

  it('is refused where there is no such file, or a folder', async () => {
    await expect(readRows(join(folder, 'nothing'), () => {})).rejects.toThrow(/nothing does not exist/);
    await expect(readRows(folder, () => {})).rejects.toThrow(/is a folder/);
  });

  it('may be long', async () => {
    expect((await read(gzipSync(long))).rows).toHaveLength(5_000);
  });
});

function flipped(bytes: Buffer): Buffer {
  const at = bytes.length - 2_000;
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  return bytes;
}
