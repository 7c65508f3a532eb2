/** `Prefer: wait=N` (RFC 7240): the caller would rather wait for the end than come back. */

const waitAlone = /^wait=(\d{1,9})$/;
const waitAmong = /(?:^|,)\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;[^,]*)?(?=,|$)/i;

/**
 * The seconds to wait, at most `secondsMax`; undefined where the header asks for no wait. A preference that cannot be
 * read is no preference: a server may leave any of them out.
 */
export const preferredWait = (
  header: string | string[] | undefined,
  secondsMax: number,
): number | undefined => {
  if (header === undefined) return undefined;
  const text = typeof header === 'string' ? header : header.join(',');
  const match = waitAlone.exec(text) ?? waitAmong.exec(text);
  return match === null ? undefined : Math.min(Number(match[1]), secondsMax);
};
