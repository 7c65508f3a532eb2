import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { packer, splitStream, unpack } from './names.ts';

describe('the name of a stream', () => {
  it.each([
    ['order-1', 'order', '1'],
    ['saga-input-1', 'saga-input', '1'],
    ['saga-1-2', 'saga', '1-2'],
    ['saga-inputs', 'saga', 'inputs'],
    ['stock-saga-input-1', 'stock', 'saga-input-1'],
    ['stock--', 'stock', '-'],
    ['stock-', 'stock', ''],
  ])('%s is of the category %s and belongs to %s', (name, category, key) => {
    expect(splitStream(name)).toEqual({ category, key });
  });

  it.each(['', 'order', '-order'])('is refused without a category: %j', (name) => {
    expect(() => splitStream(name)).toThrow(TypeError);
  });
});

describe('a packed id', () => {
  const pack = packer();

  it('is 16 bytes for a UUID in lower case, and its own text for anything else', () => {
    const uuid = '0b6c2d5e-7a52-4b6e-9a5c-3c1d2e3f4a5b';
    expect(pack(uuid)).toEqual(
      new Uint8Array([11, 108, 45, 94, 122, 82, 75, 110, 154, 92, 60, 29, 46, 63, 74, 91]),
    );
    const others = [
      uuid.toUpperCase(),
      uuid.replaceAll('-', '_'),
      uuid.replace('b', 'g'),
      uuid.replace('b', 'Ţ'),
      uuid.replace('-', '0'),
      `${uuid}0`,
      '',
    ];
    for (const other of others) expect(pack(other)).toBe(other);
  });

  it('reads as what was packed, whatever it was', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uuid(), fc.string()), (id) => unpack(pack(id)) === id),
      { seed: 1 },
    );
  });
});
