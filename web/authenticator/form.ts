/**
 * What the form of an operation says, each part in plain text. What this version does not know is shown as it is, as JSON,
 * and nothing is dropped but ids: the phone signs all of it.
 */
import type { Row } from './display.js';
import { asJSON, visible, visibleAddress } from './visible.js';

/** What is said of a form beside its own words. */
export interface FormWords {
  readonly form: string;
  readonly greeting: string;
  readonly summary: string;
  readonly attribute: string;
  readonly amount: string;
  readonly conversion: string;
  readonly note: string;
  readonly success: string;
  readonly information: string;
  readonly warning: string;
  readonly error: string;
  readonly party: string;
  readonly website: string;
  readonly logo: string;
  readonly picture: string;
  readonly choice: string;
  readonly rateMayChange: string;
  readonly notLoaded: string;
  /** A text with its name before it. */
  named(name: string, text: string): string;
}

const english: FormWords = {
  form: 'Form', greeting: 'Greeting', summary: 'Summary', attribute: 'Attribute',
  amount: 'Amount', conversion: 'Conversion', note: 'Note', party: 'Party', website: 'Website', logo: 'Logo', picture: 'Picture', choice: 'Choice',
  success: 'Success', information: 'Information', warning: 'Warning', error: 'Error',
  rateMayChange: 'The rate may still change.', notLoaded: 'The picture is not loaded: it is no part of what you sign.',
  named: (name, text) => `${name}: ${text}`,
};

/** The rows of a form: title, greeting, summary and attributes, in this order, then what is not known. */
export function formRows(form: unknown, say: FormWords = english): Row[] {
  if (!isObject(form)) return [{ kind: 'json', label: say.form, value: asJSON(form) }];
  const { title, greeting, summary, attributes, ...other } = form;
  const rows: Row[] = [];
  if (title !== undefined) rows.push({ kind: 'heading', label: '', value: wordsOf(title, true) ?? asJSON(title) });
  if (greeting !== undefined) rows.push({ kind: 'text', label: say.greeting, value: wordsOf(greeting, true) ?? asJSON(greeting) });
  if (summary !== undefined) rows.push({ kind: 'text', label: say.summary, value: wordsOf(summary, true) ?? asJSON(summary) });
  if (Array.isArray(attributes)) rows.push(...attributes.map((a) => attributeRow(a, say)));
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

  /** An address, made visible, in a line that says what it is. */
  address(name: string, line = (at: string): string => at): string | undefined {
    return this.#take(name, (v) => (typeof v === 'string' ? line(visibleAddress(v)) : undefined));
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

/** The kinds of attribute the protocol names, and how each is shown. */
const kinds: Readonly<Record<string, (m: Members, say: FormWords) => Drawn>> = {
  AMOUNT: (m, say) => ({ label: say.amount, lines: [money(m, 'amount', 'currency')] }),
  AMOUNT_CONVERSION: (m, say) => ({
    label: say.conversion, lines: [`${money(m, 'sourceAmount', 'sourceCurrency')} → ${money(m, 'targetAmount', 'targetCurrency')}`],
    ...(m.flag('dynamic') ? { note: say.rateMayChange } : {}),
  }),
  KEY_VALUE: (m) => {
    m.known('format', { TEXT: '', DATE: '', NUMBER: '', ACCOUNT: '' });
    return { label: '', lines: [needed(m.words('value', true))] };
  },
  NOTE: (m, say) => ({ label: say.note, lines: [needed(m.words('value', true))] }),
  HEADING: () => ({ kind: 'heading', label: '', lines: [] }),
  ALERT: (m, say) => {
    const level = m.known('alertType', { SUCCESS: say.success, INFO: say.information, WARNING: say.warning, ERROR: say.error });
    return { kind: 'alert', label: level ?? say.information, warn: level === say.warning || level === say.error, lines: [needed(m.words('value', true))] };
  },
  PARTY_INFO: (m, say) => {
    const lines = [needed(m.words('name')), m.words('description', true), m.address('websiteUrl', (at) => say.named(say.website, at))];
    const logo = m.address('logoUrl', (at) => say.named(say.logo, at));
    return { label: say.party, lines: [...lines, logo], ...(logo === undefined ? {} : { note: say.notLoaded }) };
  },
  IMAGE: (m, say) => ({ kind: 'address', label: say.picture, lines: [needed(m.address('thumbnailUrl')), m.address('originalUrl')], note: say.notLoaded }),
  CHOICE: (m, say) => ({ label: say.choice, lines: m.options() }),
};

function needed(value: string | undefined): string {
  if (value === undefined) throw new Unread();
  return value;
}

function money(m: Members, amount: string, currency: string): string {
  return `${needed(m.word(amount))} ${needed(m.word(currency))}`;
}

function attributeRow(attribute: unknown, say: FormWords): Row {
  try {
    return drawn(attribute, say);
  } catch (error) {
    if (!(error instanceof Unread)) throw error;
    return { kind: 'json', label: say.attribute, value: asJSON(attribute) };
  }
}

/** Draws an attribute. Throws {@link Unread}. */
function drawn(attribute: unknown, say: FormWords): Row {
  if (!isObject(attribute)) throw new Unread();
  const { type, ...others } = attribute;
  const draw = typeof type === 'string' && Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (draw === undefined) throw new Unread();
  const m = new Members(others);
  const id = m.word('id');
  const given = m.words('label', type === 'HEADING');
  const { kind = 'text', label, lines, ...more } = draw(m, say);
  const value = [...lines, ...m.rest()].filter((line) => line !== undefined);
  if (kind === 'heading') return { kind, label: '', value: [needed(given ?? id), ...value].join('\n'), ...more };
  const named = kind === 'alert' && given !== undefined ? say.named(label, given) : given ?? (label === '' ? id : label);
  return { kind, label: needed(named), value: value.join('\n'), ...more };
}
