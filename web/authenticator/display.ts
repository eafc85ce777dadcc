/**
 * What a session's `display` says, read so that all of it can be shown: what the user sees is what the phone signs, so
 * nothing in the text may be left out, beautified away or able to pass for something else.
 */
import { sha256 } from './protocol.js';

/** Whose browser asks. */
export interface Requester {
  readonly ip: string;
  readonly userAgent: string;
  readonly firstSeen: boolean;
  readonly byService: boolean;
}

/** What is approved, if it is more than a login. */
export interface Operation {
  readonly name: string;
  readonly data: string;
  readonly form?: unknown;
}

/** A display text, parsed. */
export interface Display {
  readonly issuer: string;
  readonly service: { readonly id: string; readonly name: string };
  readonly origin?: string;
  readonly scopes: readonly string[];
  readonly mode: string;
  readonly requester?: Requester;
  readonly operation?: Operation;
  /** Members that this version does not know; they are shown as they are. */
  readonly other: Readonly<Record<string, unknown>>;
}

/** Why a display is not shown, and so nothing of it can be approved: `hash`, `issuer` or `form`. */
export class DisplayRefused extends Error {
  constructor(readonly why: 'hash' | 'issuer' | 'form') {
    super(`display refused: ${why}`);
  }
}

/** A display that passed, with the hash this app computed itself; that, and not what the server said, is signed. */
export interface Checked {
  readonly display: Display;
  readonly displayHash: string;
}

/** Checks and parses a claim's answer. Throws {@link DisplayRefused}. */
export async function checkDisplay(claim: { readonly display: string; readonly displayHash: string }, issuer: string): Promise<Checked> {
  const displayHash = await sha256(claim.display);
  if (displayHash !== claim.displayHash) throw new DisplayRefused('hash');
  const display = parseDisplay(claim.display);
  if (display.issuer !== issuer) throw new DisplayRefused('issuer');
  return { display, displayHash };
}

/** Parses a display text. Throws {@link DisplayRefused} when a known member is missing or of the wrong type. */
export function parseDisplay(text: string): Display {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new DisplayRefused('form');
  }
  const { issuer, service, origin, scopes, mode, requester, operation, ...other } = members(value);
  const { id, name, ...ofService } = members(service);
  if (!Array.isArray(scopes)) throw new DisplayRefused('form');
  return {
    issuer: asText(issuer), service: { id: asText(id), name: asText(name) }, scopes: scopes.map(asText), mode: asText(mode),
    ...(origin === undefined ? {} : { origin: asText(origin) }),
    ...parsePart('requester', requester), ...parsePart('operation', operation),
    other: { ...other, ...rest('service', ofService), ...rest('requester', unknownOf(requester, ['ip', 'userAgent', 'firstSeen', 'byService'])),
      ...rest('operation', unknownOf(operation, ['name', 'data', 'form'])) },
  };
}

function parsePart(part: 'requester' | 'operation', value: unknown): { requester?: Requester; operation?: Operation } {
  if (value === undefined) return {};
  const m = members(value);
  if (part === 'operation') {
    return { operation: { name: asText(m['name']), data: asText(m['data']), ...('form' in m ? { form: m['form'] } : {}) } };
  }
  return { requester: { ip: asText(m['ip']), userAgent: asText(m['userAgent']), firstSeen: asFlag(m['firstSeen']), byService: asFlag(m['byService']) } };
}

function unknownOf(value: unknown, known: readonly string[]): Record<string, unknown> {
  return isObject(value) ? Object.fromEntries(Object.entries(value).filter(([k]) => !known.includes(k))) : {};
}

function rest(part: string, left: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(left).map(([k, v]) => [`${part}.${k}`, v]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function members(value: unknown): Record<string, unknown> {
  if (!isObject(value)) throw new DisplayRefused('form');
  return value;
}

function asText(value: unknown): string {
  if (typeof value !== 'string') throw new DisplayRefused('form');
  return value;
}

function asFlag(value: unknown): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw new DisplayRefused('form');
  return value === true;
}

// Everything that has no picture of its own, or blank-looking letters: it could hide or reorder what stands beside it.
// And the fifth and further marks on one letter, which no language needs: piled up they would cover the lines above.
const hidden = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?<=\p{M}{4})\p{M}/gu;

function escape(character: string): string {
  return `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

/** A text with whatever could hide in it made visible: `a⟨U+202E⟩b`. With `lines`, line feeds stay line feeds. */
export function visible(text: string, lines = false): string {
  return text.replace(hidden, (c) => (lines && c === '\n' ? c : escape(c)));
}

/** An address with all but plain ASCII made visible, since a letter of another script can look like a Latin one. */
export function visibleAddress(text: string): string {
  return text.replace(/[^\x21-\x7e]/gu, escape);
}

/** A value as JSON text, readable, with whatever could hide in it made visible. */
export function asJSON(value: unknown): string {
  return visible(JSON.stringify(value, null, 1) ?? 'undefined', true);
}

/** One thing to show. `kind` says how: `text` of the service, an `address`, `json` as it is, a `heading` or an `alert`. */
export interface Row {
  readonly kind: 'text' | 'address' | 'json' | 'heading' | 'alert';
  readonly label: string;
  readonly value: string;
  readonly id?: string;
  /** Said in the app's own words below the value. */
  readonly note?: string;
  readonly warn?: boolean;
}

const modes: Readonly<Record<string, string>> = {
  enter: 'You type the code shown there, or scan it',
  scan: 'You scan the code shown there',
  compare: 'You compare the code here with the one shown there',
};

/** Everything a display says but its scopes, in the order it is to be shown: where it comes from first. */
export function displayRows(d: Display): Row[] {
  const rows: Row[] = [originRow(d)];
  rows.push({ kind: 'text', id: 'service', label: 'Service', value: `${visible(d.service.name)} (${visible(d.service.id)})`, note: 'The name is what the service calls itself.' });
  if (d.operation) rows.push(...operationRows(d.operation));
  if (d.requester) rows.push(...requesterRows(d.requester));
  rows.push({ kind: 'address', id: 'issuer', label: 'Login server', value: visibleAddress(d.issuer) });
  rows.push({ kind: 'text', id: 'mode', label: 'How', value: Object.hasOwn(modes, d.mode) ? modes[d.mode] ?? '' : visible(d.mode) });
  for (const [name, value] of Object.entries(d.other)) rows.push({ kind: 'json', label: visible(name), value: asJSON(value) });
  return rows;
}

function originRow(d: Display): Row {
  if (d.origin !== undefined) return { kind: 'address', id: 'origin', label: 'Website that asks', value: visibleAddress(d.origin) };
  return { kind: 'text', id: 'origin', label: 'Who asks', value: 'started by the service’s own server', note: 'No web page was seen, so go by whether you expect this.' };
}

function requesterRows(r: Requester): Row[] {
  const row: Row = { kind: 'text', id: 'requester', label: 'Asked from', value: `${visible(r.userAgent)}\n${visible(r.ip)}`,
    ...(r.byService ? { note: 'As the service tells it; the login server did not see it.' } : {}) };
  if (!r.firstSeen) return [row];
  return [row, { kind: 'alert', id: 'first-seen', label: 'Attention', value: 'This browser has not asked you before.', warn: true }];
}

function operationRows(o: Operation): Row[] {
  return [
    { kind: 'text', id: 'operation', label: 'What you approve', value: visible(o.name) },
    ...(o.form === undefined ? [] : formRows(o.form)),
    { kind: 'text', id: 'operation-data', label: 'Signed data', value: visible(o.data, true) },
  ];
}

/** What a form says, each part in plain text; what this version does not know is shown as JSON, never dropped. */
export function formRows(form: unknown): Row[] {
  if (!isObject(form)) return [{ kind: 'json', label: 'Form', value: asJSON(form) }];
  const { title, greeting, summary, attributes, ...other } = form;
  const rows: Row[] = [];
  if (title !== undefined) rows.push({ kind: 'heading', label: '', value: words(title) });
  if (greeting !== undefined) rows.push({ kind: 'text', label: 'Greeting', value: words(greeting) });
  if (summary !== undefined) rows.push({ kind: 'text', label: 'Summary', value: words(summary) });
  if (Array.isArray(attributes)) rows.push(...attributes.map(attributeRow));
  else if (attributes !== undefined) rows.push({ kind: 'json', label: 'attributes', value: asJSON(attributes) });
  for (const [name, value] of Object.entries(other)) rows.push({ kind: 'json', label: visible(name), value: asJSON(value) });
  return rows;
}

/** A text, or a localised one `{id, message}`, or else the JSON of what stands in its place. */
function words(value: unknown): string {
  if (typeof value === 'string') return visible(value, true);
  if (isObject(value) && typeof value['message'] === 'string' && Object.keys(value).every((k) => k === 'id' || k === 'message')) {
    return visible(value['message'], true);
  }
  return asJSON(value);
}

/** The kinds of attribute the protocol names, and how each is shown. */
const kinds: Readonly<Record<string, Row['kind']>> = {
  AMOUNT: 'text', AMOUNT_CONVERSION: 'text', KEY_VALUE: 'text', NOTE: 'text', PARTY_INFO: 'text', IMAGE: 'text', CHOICE: 'text', HEADING: 'heading', ALERT: 'alert',
};

function attributeRow(attribute: unknown): Row {
  const unread: Row = { kind: 'json', label: 'Attribute', value: asJSON(attribute) };
  if (!isObject(attribute)) return unread;
  const { type, id, label, value, amount, currency, ...other } = attribute;
  const kind = typeof type === 'string' && Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  const titled = typeof label === 'string' ? label : id;
  if (kind === undefined || typeof titled !== 'string' || ![value, amount, currency, ...Object.values(other)].every(isPlain)) return unread;
  const said = [value, amount, currency].filter((v) => v !== undefined).map(String).join(' ');
  const lines = [...(said === '' ? [] : [said]), ...Object.entries(other).map(([k, v]) => `${k}: ${String(v)}`)].join('\n');
  if (kind === 'heading') return { kind, label: '', value: visible([titled, lines].filter((t) => t !== '').join('\n'), true) };
  return { kind, label: visible(titled), value: visible(lines, true) };
}

function isPlain(value: unknown): boolean {
  return value === undefined || ['string', 'number', 'boolean'].includes(typeof value);
}
