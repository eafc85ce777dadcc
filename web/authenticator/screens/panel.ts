/**
 * What a session's display says, on the screen, and the proof that it was there to be read.
 */
import { displayRows } from '../display.js';
import type { Display, Row } from '../display.js';
import { h, isolated } from '../dom.js';
import { visible } from '../visible.js';
import { scopeWords } from '../words.js';

/** The panel, with the switches' present state. */
export interface Panel {
  readonly element: HTMLElement;
  granted(): readonly string[];
  /** Resolves once every part of the panel has been on a visible screen. */
  readonly seen: Promise<void>;
  stop(): void;
}

/** Draws a display. */
export function createPanel(display: Display): Panel {
  const switches = display.scopes.map((scope, i) => ({ scope, input: h('input', { type: 'checkbox', role: 'switch', id: `scope-${i}`, checked: true, 'data-testid': 'scope', 'data-scope': scope }) }));
  const rows = displayRows(display).map(drawRow);
  const scopes = switches.length === 0 ? [] : [h('fieldset', { 'data-testid': 'scopes' },
    h('legend', {}, 'What the service will learn'),
    ...switches.map(({ scope, input }) => h('label', { class: 'switch', for: input.id }, input, scopeLabel(scope))),
    h('p', { class: 'help' }, 'You may switch off what you do not want to give. The service may insist on some of it.'))];
  const end = h('div', { class: 'end' });
  const element = h('section', { class: 'panel', 'aria-label': 'What is asked', 'data-testid': 'display' }, ...rows, ...scopes, end);
  const sight = watchSight([...rows, ...scopes, end]);
  return {
    element, seen: sight.seen, stop: sight.stop,
    granted: () => switches.filter(({ input }) => input.checked).map(({ scope }) => scope),
  };
}

/** Draws one row. */
export function drawRow(row: Row): HTMLElement {
  const value = isolated(row.value, { class: 'value', ...(row.id === undefined ? {} : { 'data-testid': row.id }) });
  if (row.kind === 'heading') return h('h2', { class: 'row' }, value);
  return h('div', { class: `row ${row.kind}${row.id === 'origin' ? ' origin' : ''}${row.warn === true ? ' warn' : ''}` },
    h('span', { class: 'label' }, isolated(row.label)), value,
    row.note !== undefined && h('span', { class: 'help' }, row.note));
}

function scopeLabel(scope: string): HTMLElement {
  const known = scopeWords(scope);
  return h('span', {}, known === undefined ? isolated(visible(scope)) : known, known !== undefined && h('span', { class: 'help' }, isolated(visible(scope))));
}

/**
 * Waits until each of the parts has been on the screen, while the page was visible, and one frame was drawn since. A
 * panel longer than the screen has to be scrolled to its end.
 */
export function watchSight(parts: readonly Element[]): { readonly seen: Promise<void>; stop(): void } {
  const missing = new Set(parts);
  let resolve = (): void => undefined;
  const seen = new Promise<void>((r) => (resolve = r));
  const observer = new IntersectionObserver((entries) => {
    // What went by while the page was hidden was seen by nobody; when it is visible again, all is looked at anew.
    if (document.visibilityState !== 'visible') return;
    for (const entry of entries) if (entry.isIntersecting) missing.delete(entry.target);
    if (missing.size > 0) return;
    stop();
    requestAnimationFrame(() => requestAnimationFrame(resolve));
  });
  const observe = (): void => {
    observer.disconnect();
    for (const part of missing) observer.observe(part);
  };
  const stop = (): void => {
    observer.disconnect();
    document.removeEventListener('visibilitychange', observe);
  };
  document.addEventListener('visibilitychange', observe);
  observe();
  return { seen, stop };
}
