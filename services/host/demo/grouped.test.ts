import { describe, expect, it } from '@jest/globals';
import { groupedLines } from './grouped.ts';

describe('grouped lines', () => {
  it('come at once in the group whose turn it is, and the others’ when theirs has come', () => {
    const written: string[] = [];
    const lines = groupedLines(['a', 'b', 'c'], (group, line) => written.push(group + line));
    lines.line('b', '1');
    lines.line('a', '1');
    expect(written).toEqual(['a1']);
    lines.end('b');
    lines.line('c', '1');
    lines.line('a', '2');
    expect(written).toEqual(['a1', 'a2']);
    lines.end('a');
    expect(written).toEqual(['a1', 'a2', 'b1', 'c1']);
    lines.line('c', '2');
    lines.end('c');
    expect(written).toEqual(['a1', 'a2', 'b1', 'c1', 'c2']);
  });
});
