/**
 * Enrolment codes as people type them, made into what is sent and signed: `W65WE-3T7VI-7FBS2-A4OYA`.
 */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** What became of a typed code: as it is sent (empty for an empty one), or what is wrong with it. */
export type TypedCode =
  | { readonly ok: true; readonly code: string }
  | { readonly ok: false; readonly why: 'length' | 'letters' | 'checksum' };

/**
 * Takes any case, with dashes of any kind, spaces, or the whole link that carries the code. The check sum in it tells a
 * slip of the finger without asking the server, where tries are limited.
 */
export function normaliseCode(typed: string): TypedCode {
  const fromLink = /#enroll=([^&]*)$/.exec(typed.trim())?.[1] ?? typed;
  const text = fromLink.replace(/[\s\p{Pd}\u2212]/gu, '').toUpperCase();
  if (text === '') return { ok: true, code: '' };
  if (/[^A-Z2-7]/.test(text)) return { ok: false, why: 'letters' };
  if (text.length !== 20) return { ok: false, why: 'length' };
  if (!checks(text)) return { ok: false, why: 'checksum' };
  return { ok: true, code: text.replace(/(.{5})(?=.)/g, '$1-') };
}

/** Whether the last 16 of the 96 bits are the CRC-16/ARC of the others, and the four bits after them are zero. */
function checks(text: string): boolean {
  let bits = 0n;
  for (const letter of text) bits = (bits << 5n) | BigInt(alphabet.indexOf(letter));
  if ((bits & 0xfn) !== 0n) return false;
  const all = bits >> 4n;
  let crc = 0;
  for (let i = 11n; i >= 2n; i--) {
    crc ^= Number((all >> (i * 8n)) & 0xffn);
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return BigInt(crc) === (all & 0xffffn);
}
