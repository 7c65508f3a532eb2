import { describe, expect, it } from '@jest/globals';
import { fullAsSaid } from './room.ts';

describe('an error while a backup is written', () => {
  it.each([
    ['of the system', { code: 'ENOSPC' }],
    ['of SQLite', { code: 'ERR_SQLITE_ERROR', errcode: 13 }],
  ])('that says, in the words %s, that the disk is full names the disk', (_, words) => {
    const error = Object.assign(new Error('full'), words);
    expect(fullAsSaid(error, '/data')).toMatchObject({
      code: 'no-space',
      message: 'The disk of /data was full before all was written: make room, or use another disk.',
    });
  });

  it('that says anything else stays as it is', () => {
    const error = new Error('another');
    expect(fullAsSaid(error, '/data')).toBe(error);
  });
});
