// What the service is given by an answer in the page: shown before there is one, with a switch for what is not required.
import { h } from '../sdk/src/element/dom.js';
import type { Scene } from '../sdk/src/element/view.js';

/** Something that the service asks for. */
export interface Scope {
  readonly id: string;
  /** What it is called, in the page's language. */
  readonly label: string;
  /** Whether the service insists on it. */
  readonly required: boolean;
}

/** What is asked for, and what the user has switched off of it. That outlives a view, and another way to take the step. */
export interface Choice {
  readonly asked: readonly Scope[];
  readonly off: Set<string>;
}

/** What an answer has to say. */
export function granted({ asked, off }: Choice): string[] {
  return asked.filter(({ id, required }) => required || !off.has(id)).map(({ id }) => id);
}

/** Shows it; nothing where nothing is given. */
export function scopesOf({ t, brand }: Scene, { asked, off }: Choice): HTMLElement | false {
  if (asked.length === 0) return false;
  return h('fieldset', { class: 'scopes', part: 'scopes' },
    h('legend', { class: 'label' }, titleOf(t, brand)),
    h('ul', { class: 'options' }, ...asked.map((scope) => h('li', {}, scope.required ? fixed(scope, t('consentNeeded')) : switchable(scope, off)))),
    asked.some(({ required }) => !required) && h('p', { class: 'help' }, t('scopesHelp')));
}

/** The same for a screen reader, which passes over what has no control. */
export function scopesSaid({ t, brand }: Scene, { asked }: Choice): string {
  return asked.length === 0 ? '' : `${titleOf(t, brand)}: ${asked.map(({ label }) => label).join(', ')}.`;
}

function titleOf(t: Scene['t'], { service }: Scene['brand']): string {
  return service === '' ? t('scopesTitleSome') : t('scopesTitle', { service });
}

function fixed({ label }: Scope, needed: string): HTMLElement {
  return h('div', { class: 'option' }, h('span', { class: 'given', 'aria-hidden': 'true' }, '✓'), h('span', {}, label, h('span', { class: 'needed' }, ` (${needed})`)));
}

function switchable({ id, label }: Scope, off: Set<string>): HTMLElement {
  const box = h('input', { type: 'checkbox', role: 'switch', 'data-action': `scope-${id}` });
  box.checked = !off.has(id);
  box.addEventListener('change', () => {
    if (box.checked) off.delete(id);
    else off.add(id);
  });
  return h('label', { class: 'option' }, box, h('span', {}, label));
}

/** What the fields need beyond the element's own style sheet, and that of options to agree to. */
export const scopeStyles = `
.scopes { min-inline-size: 0; margin: 1.25rem 0 1rem; padding: 0; border: 0; text-align: start; overflow-wrap: anywhere; }
.scopes legend { padding: 0; }
.scopes div.option { cursor: auto; }
.scopes .given { inline-size: 1.5rem; text-align: center; color: var(--_muted); }
.scopes .help { margin-block: .25rem 0; }
`;
