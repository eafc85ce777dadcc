import { detail } from './detail.js';
import type { Tell } from './detail.js';
import { el } from './dom.js';
import { headline, searchable } from './entry.js';
import type { Entry } from './entry.js';
import { before, chosen } from './traffic.js';
import type { Choice } from './traffic.js';

/** The list of the chosen entries. */
export interface Timeline {
  /** Shows these instead, oldest first. */
  show(entries: readonly Entry[]): void;
  /** Adds one where it belongs, if it is chosen. */
  add(e: Entry): void;
  /** Takes one away. */
  drop(e: Entry): void;
  /** Goes on at the bottom, if the reader was there before. */
  follow(change: () => void): void;
}

interface Row {
  readonly entry: Entry;
  readonly item: HTMLElement;
}

/** Fills a list; empty is shown while nothing is chosen. */
export function timeline(list: HTMLElement, empty: HTMLElement, choice: Choice, tell: Tell): Timeline {
  let rows: Row[] = [];
  const texts = new WeakMap<Entry, string>();
  const text = (e: Entry): string => {
    const known = texts.get(e) ?? searchable(e);
    texts.set(e, known);
    return known;
  };
  const add = (e: Entry): void => {
    if (!chosen(choice, e, text)) return;
    let at = rows.length;
    while (at > 0 && before(e, rows[at - 1]?.entry)) at--;
    const item = row(e, tell);
    list.insertBefore(item, rows[at]?.item ?? null);
    rows.splice(at, 0, { entry: e, item });
    empty.hidden = true;
  };
  const show = (entries: readonly Entry[]): void => {
    rows = [];
    list.replaceChildren();
    empty.hidden = false;
    for (const e of entries) add(e);
  };
  const drop = (e: Entry): void => {
    const at = rows.findIndex((r) => r.entry === e);
    rows[at]?.item.remove();
    if (at >= 0) rows.splice(at, 1);
    empty.hidden = rows.length > 0;
  };
  return { show, add, drop, follow };
}

/** The page scrolls as a whole. */
function follow(change: () => void): void {
  const page = document.documentElement;
  const atBottom = page.scrollHeight - page.scrollTop - page.clientHeight < 40;
  change();
  if (atBottom) page.scrollTop = page.scrollHeight;
}

function row(e: Entry, tell: Tell): HTMLElement {
  const summary = el('summary', '', el('time', '', clock(e.at)), el('span', `kind ${e.kind}`, e.kind), el('span', 'headline', headline(e)), ...verdict(e));
  const details = el('details', '', summary);
  details.addEventListener('toggle', () => {
    if (details.open && details.childElementCount === 1) details.append(el('div', 'detail', ...detail(e, tell)));
  });
  return el('li', '', details);
}

/** The local time of day, as far as the server told it. */
function clock(at: string): string {
  const t = new Date(at);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${at.slice(20, 23)}`;
}

function verdict(e: Entry): Node[] {
  if (e.signed) return [el('span', e.signed.good ? 'verdict good' : 'verdict bad', e.signed.good ? 'good' : 'not good')];
  if (!e.request) return [];
  const { status, aborted, open, millis } = e.request;
  const bad = aborted === true || status >= 400;
  const took = open ? 'open' : `${millis} ms`;
  return [el('span', bad ? 'verdict bad' : 'verdict good', aborted ? 'aborted' : String(status)), el('span', 'took', took)];
}
