/**
 * What a session's `display` says, read so that all of it can be shown: what the user sees is what the phone signs, so
 * nothing in the text may be left out, beautified away or able to pass for something else.
 */
import { formRows } from './form.js';
import { sha256 } from './protocol.js';
import { asJSON, visible, visibleAddress } from './visible.js';

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
