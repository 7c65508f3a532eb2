/** How the log writes names and ids in few bytes. */

/** Categories that hold a dash themselves; all others end at the first dash of a stream's name. */
const dashedCategories = ['saga-input'];

/** A stream's name in its two parts: `saga-input-<id>` is `saga-input` and `<id>`. */
export type StreamParts = { readonly category: string; readonly key: string };

/**
 * Splits a stream's name into its category and whose it is. Throws a TypeError where a name has no category.
 */
export const splitStream = (name: string): StreamParts => {
  for (const category of dashedCategories)
    if (name.startsWith(category) && name[category.length] === '-')
      return { category, key: name.slice(category.length + 1) };
  const end = name.indexOf('-');
  if (end <= 0) throw new TypeError(`${name}: a stream's name is a category, a dash, and whose it is`);
  return { category: name.slice(0, end), key: name.slice(end + 1) };
};

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The value of each hexadecimal digit in lower case, by its ASCII code; 16 for what is none. */
const digitOf = new Uint8Array(128).fill(16);
for (let digit = 0; digit < 16; digit += 1) digitOf[digit.toString(16).charCodeAt(0)] = digit;

/** Where the two digits of each byte of a UUID stand in its text. */
const digitsAt = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const dash = 45;

/** An id as it is stored: the 16 bytes of a UUID in lower case, or the text of anything else. */
export type Packed = Uint8Array | string;

/**
 * A function that packs ids: less than half the bytes of their text. What it returns is overwritten by its next
 * call, so a statement with several ids needs one packer for each.
 */
export const packer = () => {
  const bytes = new Uint8Array(16);
  return (id: string): Packed => {
    if (id.length !== 36) return id;
    let codes = (id.charCodeAt(8) ^ dash) | (id.charCodeAt(13) ^ dash);
    codes |= (id.charCodeAt(18) ^ dash) | (id.charCodeAt(23) ^ dash);
    if (codes !== 0) return id;
    let digits = 0;
    for (let index = 0; index < 16; index += 1) {
      const at = digitsAt[index]!;
      const first = id.charCodeAt(at);
      const second = id.charCodeAt(at + 1);
      codes |= first | second;
      const high = digitOf[first & 127]!;
      const low = digitOf[second & 127]!;
      digits |= high | low;
      bytes[index] = (high << 4) | low;
    }
    return codes > 127 || digits > 15 ? id : bytes;
  };
};

/** The text of a packed id. */
export const unpack = (packed: Packed): string => {
  if (typeof packed === 'string') return packed;
  let text = '';
  for (let index = 0; index < 16; index += 1) {
    if (index === 4 || index === 6 || index === 8 || index === 10) text += '-';
    text += hexOfByte[packed[index]!];
  }
  return text;
};
