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
  const dash = name.indexOf('-');
  if (dash <= 0) throw new TypeError(`${name}: a stream's name is a category, a dash, and whose it is`);
  return { category: name.slice(0, dash), key: name.slice(dash + 1) };
};

const uuidShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const nibble = (code: number) => (code < 58 ? code - 48 : code - 87);

/** Where the two digits of each byte of a UUID stand in its text. */
const digitsAt = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/** An id as it is stored: the 16 bytes of a UUID in lower case, or the text of anything else. */
export type Packed = Uint8Array | string;

/**
 * A function that packs ids: a third of the bytes of their text. What it returns is overwritten by its next call, so
 * a statement with several ids needs one packer for each.
 */
export const packer = () => {
  const bytes = new Uint8Array(16);
  return (id: string): Packed => {
    if (!uuidShape.test(id)) return id;
    for (let index = 0; index < 16; index += 1) {
      const at = digitsAt[index]!;
      bytes[index] = (nibble(id.charCodeAt(at)) << 4) | nibble(id.charCodeAt(at + 1));
    }
    return bytes;
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
