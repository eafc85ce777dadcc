/**
 * The ways to approve besides this app, each with a switch.
 */
import type { App } from '../context.js';
import { h } from '../dom.js';

type Run = (act: () => Promise<string>) => Promise<void>;

/** The ways that can be switched off, as the server names them. */
const ways: readonly { readonly method: string; readonly words: string }[] = [
  { method: 'message', words: 'A code sent by message' },
  { method: 'offline', words: 'A code that this app shows without a network' },
  { method: 'passkey', words: 'A passkey' },
];

/** The part of the page, and what shows which of them are off. */
export interface WaysPart {
  readonly section: HTMLElement;
  show(off: readonly string[]): void;
}

/** The part with the switches; `run` shows what an act says or how it fails. */
export function waysPart(app: App, run: Run): WaysPart {
  let present: readonly string[] = [];
  const switches = ways.map(({ method, words }) => ({ method, words, box: h('input', { type: 'checkbox', role: 'switch', id: `way-${method}`, 'data-testid': `way-${method}`, disabled: true }) }));
  const show = (off: readonly string[]): void => {
    present = off;
    for (const { method, box } of switches) {
      box.checked = !off.includes(method);
      box.disabled = false;
    }
  };
  for (const { method, words, box } of switches) {
    box.addEventListener('change', () => void run(async () => {
      const wanted = box.checked ? present.filter((m) => m !== method) : [...present, method];
      for (const other of switches) other.box.disabled = true;
      try {
        const { off } = await app.client.switchOff(app.me(), wanted);
        present = off;
      } finally {
        show(present); // also what it was, when nothing has changed
        box.focus();
      }
      return `${words}: ${present.includes(method) ? 'off' : 'on'}.`;
    }));
  }
  const section = h('section', { class: 'care', 'data-testid': 'ways' }, h('h2', {}, 'Ways to approve'),
    h('p', {}, 'What you switch off approves nothing for you. This app always can.'),
    h('ul', { class: 'list' }, ...switches.map(({ words, box }) => h('li', {}, h('label', { class: 'way' }, box, words)))));
  return { section, show };
}
