/**
 * What the form of an operation says, each part in plain text. What this version does not know is shown as it is, as JSON,
 * and nothing is dropped but ids: the phone signs all of it.
 */
import type { Row } from './display.js';
import { asJSON, visible, visibleAddress } from './visible.js';

/** The rows of a form: title, greeting, summary and attributes, in this order, then what is not known. */
export function formRows(form: unknown): Row[] {
  if (!isObject(form)) return [{ kind: 'json', label: 'Form', value: asJSON(form) }];
  const { title, greeting, summary, attributes, ...other } = form;
  const rows: Row[] = [];
  if (title !== undefined) rows.push({ kind: 'heading', label: '', value: wordsOf(title, true) ?? asJSON(title) });
  if (greeting !== undefined) rows.push({ kind: 'text', label: 'Greeting', value: wordsOf(greeting, true) ?? asJSON(greeting) });
  if (summary !== undefined) rows.push({ kind: 'text', label: 'Summary', value: wordsOf(summary, true) ?? asJSON(summary) });
  if (Array.isArray(attributes)) rows.push(...attributes.map(attributeRow));
  else if (attributes !== undefined) rows.push({ kind: 'json', label: 'attributes', value: asJSON(attributes) });
  for (const [name, value] of Object.entries(other)) rows.push({ kind: 'json', label: visible(name), value: asJSON(value) });
  return rows;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text, or the message of `{id, message}`; undefined if it is neither. */
function wordsOf(value: unknown, lines: boolean): string | undefined {
  if (typeof value === 'string') return visible(value, lines);
  if (isObject(value) && typeof value['message'] === 'string' && Object.keys(value).every((k) => k === 'id' || k === 'message')) {
    return visible(value['message'], lines);
  }
  return undefined;
}

/** An attribute is not of the form that its kind has, so it is shown as it is. */
class Unread extends Error {}

/** The members of an attribute. What was not taken is still to be shown. */
class Members {
  readonly #left: Map<string, unknown>;

  constructor(members: Record<string, unknown>) {
    this.#left = new Map(Object.entries(members));
  }

  #take<T>(name: string, read: (value: unknown) => T | undefined): T | undefined {
    if (!this.#left.has(name)) return undefined;
    const value = read(this.#left.get(name));
    if (value === undefined) throw new Unread();
    this.#left.delete(name);
    return value;
  }

  /** A text for people, made visible. */
  words(name: string, lines = false): string | undefined {
    return this.#take(name, (v) => wordsOf(v, lines));
  }

  /** A word such as a number or a currency, made visible. */
  word(name: string): string | undefined {
    return this.#take(name, (v) => (isPlain(v) ? visible(String(v)) : undefined));
  }

  /** An address, made visible, with what is said before it. */
  address(name: string, before: string): string | undefined {
    return this.#take(name, (v) => (typeof v === 'string' ? before + visibleAddress(v) : undefined));
  }

  /** Whether a switch is on. */
  flag(name: string): boolean {
    return this.#take(name, (v) => (typeof v === 'boolean' ? v : undefined)) === true;
  }

  /** What is said for one of the known values; another stays, to be shown as it is. */
  known(name: string, values: Readonly<Record<string, string>>): string | undefined {
    const value = this.#left.get(name);
    if (typeof value !== 'string' || !Object.hasOwn(values, value)) return undefined;
    this.#left.delete(name);
    return values[value];
  }

  /** The labels of a choice's options, the selected one marked. */
  options(): string[] {
    const options = this.#take('options', (v) => (Array.isArray(v) ? v.map(optionOf) : undefined));
    if (options === undefined) throw new Unread();
    const selected = this.known('selected', Object.fromEntries(options.map(({ id }) => [id, id])));
    return options.map(({ id, label }) => `${id === selected ? '✓' : '·'} ${label}`);
  }

  /** What is left, a line each. */
  rest(): string[] {
    return [...this.#left].map(([name, value]) => {
      if (!isPlain(value)) throw new Unread();
      return `${visible(name)}: ${visible(String(value), true)}`;
    });
  }
}

function optionOf(option: unknown): { id: string; label: string } {
  if (!isObject(option) || Object.keys(option).some((k) => k !== 'id' && k !== 'label')) throw new Unread();
  const label = wordsOf(option['label'], false);
  if (typeof option['id'] !== 'string' || label === undefined) throw new Unread();
  return { id: option['id'], label };
}

function isPlain(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

/** What a kind of attribute makes of its members: a row whose value is yet in lines, its label one for want of another. */
type Drawn = Omit<Row, 'value' | 'kind'> & { readonly kind?: Row['kind']; readonly lines: readonly (string | undefined)[] };

const levels: Readonly<Record<string, string>> = { SUCCESS: 'Success', INFO: 'Information', WARNING: 'Warning', ERROR: 'Error' };

const isNotLoaded = 'The picture is not loaded: it is no part of what you sign.';

/** The kinds of attribute the protocol names, and how each is shown. */
const kinds: Readonly<Record<string, (m: Members) => Drawn>> = {
  AMOUNT: (m) => ({ label: 'Amount', lines: [money(m, 'amount', 'currency')] }),
  AMOUNT_CONVERSION: (m) => ({
    label: 'Conversion', lines: [`${money(m, 'sourceAmount', 'sourceCurrency')} → ${money(m, 'targetAmount', 'targetCurrency')}`],
    ...(m.flag('dynamic') ? { note: 'The rate may still change.' } : {}),
  }),
  KEY_VALUE: (m) => {
    m.known('format', { TEXT: '', DATE: '', NUMBER: '', ACCOUNT: '' });
    return { label: '', lines: [needed(m.words('value', true))] };
  },
  NOTE: (m) => ({ label: 'Note', lines: [needed(m.words('value', true))] }),
  HEADING: () => ({ kind: 'heading', label: '', lines: [] }),
  ALERT: (m) => {
    const level = m.known('alertType', levels);
    return { kind: 'alert', label: level ?? 'Information', warn: level === levels['WARNING'] || level === levels['ERROR'], lines: [needed(m.words('value', true))] };
  },
  PARTY_INFO: (m) => {
    const lines = [needed(m.words('name')), m.words('description', true), m.address('websiteUrl', 'Website: ')];
    const logo = m.address('logoUrl', 'Logo: ');
    return { label: 'Party', lines: [...lines, logo], ...(logo === undefined ? {} : { note: isNotLoaded }) };
  },
  IMAGE: (m) => ({ kind: 'address', label: 'Picture', lines: [needed(m.address('thumbnailUrl', '')), m.address('originalUrl', '')], note: isNotLoaded }),
  CHOICE: (m) => ({ label: 'Choice', lines: m.options() }),
};

function needed(value: string | undefined): string {
  if (value === undefined) throw new Unread();
  return value;
}

function money(m: Members, amount: string, currency: string): string {
  return `${needed(m.word(amount))} ${needed(m.word(currency))}`;
}

function attributeRow(attribute: unknown): Row {
  try {
    return drawn(attribute);
  } catch (error) {
    if (!(error instanceof Unread)) throw error;
    return { kind: 'json', label: 'Attribute', value: asJSON(attribute) };
  }
}

/** Draws an attribute. Throws {@link Unread}. */
function drawn(attribute: unknown): Row {
  if (!isObject(attribute)) throw new Unread();
  const { type, ...others } = attribute;
  const draw = typeof type === 'string' && Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (draw === undefined) throw new Unread();
  const m = new Members(others);
  const id = m.word('id');
  const given = m.words('label', type === 'HEADING');
  const { kind = 'text', label, lines, ...more } = draw(m);
  const value = [...lines, ...m.rest()].filter((line) => line !== undefined);
  if (kind === 'heading') return { kind, label: '', value: [needed(given ?? id), ...value].join('\n'), ...more };
  const named = kind === 'alert' && given !== undefined ? `${label}: ${given}` : given ?? (label === '' ? id : label);
  return { kind, label: needed(named), value: value.join('\n'), ...more };
}
