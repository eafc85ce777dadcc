/**
 * Structured operation data, as section 8 of the protocol has it, made readable. What is not of that form is shown as it
 * is by whoever asks here.
 */
import { visible } from './visible.js';

/** One field: what it is, and what it says. */
export interface Field {
  readonly label: string;
  readonly value: string;
}

const labels: Readonly<Record<string, string>> = { A: 'Amount', I: 'IBAN', Q: 'Account', D: 'Date', R: 'Reference', N: 'Note', T: 'Text' };
const most = 5;

/** The fields of a text that are not empty; undefined if it is not structured data. */
export function dataFields(text: string): Field[] | undefined {
  const head = /^A[0-9]{1,2}(?=\*|$)/.exec(text);
  if (head === null) return undefined;
  // Each field begins with a star that nothing escapes.
  const raw = text.slice(head[0].length).match(/\*(?:[^*\\]|\\.)*/g) ?? [];
  if (raw.join('') !== text.slice(head[0].length) || raw.length > most) return undefined;
  const fields = raw.map((r) => r.slice(1)).filter((r) => r !== '').map(field);
  return fields.includes(undefined) ? undefined : (fields as Field[]);
}

function field(raw: string): Field | undefined {
  const letter = raw[0] ?? '';
  const said = unescape(raw.slice(1));
  if (!/^[A-Z]$/.test(letter) || said === undefined || said === '') return undefined;
  const value = readers[letter]?.(said) ?? (letter in readers ? undefined : said);
  return value === undefined ? undefined : { label: labels[letter] ?? 'Text', value: visible(value, true) };
}

const readers: Readonly<Record<string, (value: string) => string | undefined>> = {
  A: (v) => {
    const m = /^((?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,8})?)([A-Z]{3})$/.exec(v);
    return m === null ? undefined : `${m[1]} ${m[2]}`;
  },
  I: (v) => (/^[A-Z]{2}[0-9]{2}[A-Z0-9]+(?:,[A-Z0-9]{8,11})?$/.test(v) ? v.replace(',', ', BIC ') : undefined),
  D: (v) => (/^[0-9]{8}$/.test(v) ? `${v.slice(0, 4)}-${v.slice(4, 6)}-${v.slice(6)}` : undefined),
};

const escapes: Readonly<Record<string, string>> = { '\\': '\\', '*': '*', n: '\n' };

function unescape(raw: string): string | undefined {
  let good = true;
  const out = raw.replace(/\\(.)/g, (_, c: string) => {
    good &&= Object.hasOwn(escapes, c);
    return escapes[c] ?? '';
  });
  return good ? out : undefined;
}
