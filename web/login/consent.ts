// The step in which the user agrees to the terms of a service: its text, and a box for each option.
import { button, h, setText } from '../sdk/src/element/dom.js';
import { frame } from '../sdk/src/element/view.js';
import type { Scene, View } from '../sdk/src/element/view.js';
import { LoginError } from '../sdk/src/errors.js';
import type { Members } from './authn.js';
import type { Course, Taker } from './takers.js';

/** What the user is asked to agree to. */
export interface Terms {
  readonly text: string;
  readonly version: string;
  /** Of the text; '' when it is not told. */
  readonly language: string;
  readonly options: readonly Option[];
}

/** Something that is agreed to by itself. */
export interface Option {
  readonly id: string;
  readonly text: string;
  readonly required: boolean;
  readonly ticked: boolean;
}

/** What was ticked, by the options' ids. */
export type Ticks = Readonly<Record<string, boolean>>;

/** What was refused, and why in the server's words. */
export interface Refused {
  readonly version: string;
  readonly ticks: Ticks;
  readonly why: string;
}

/** Asks, as often as it takes. */
export const consent: Taker = (course) => ask(course);

async function ask(course: Course, refused?: Refused): Promise<void> {
  const answer = await course.authn.ask('start', { method: 'consent' });
  if (answer.kind === 'told') {
    const terms = termsOf(answer.data);
    return course.show((scene) => consentView(scene, terms, { refused, agree: (ticks) => void course.attempt(() => agree(course, terms, ticks)), decline: course.cancel }));
  }
  if (answer.kind === 'unknown' || !course.follow(answer)) await course.again();
}

/** Tells what was ticked. */
export async function agree(course: Course, { version }: Terms, ticks: Ticks): Promise<void> {
  course.busy();
  const answer = await course.authn.ask('verify', { options: ticks });
  if (answer.kind === 'failure') return ask(course, { version, ticks, why: answer.message });
  // Another tab may have gone on with the operation: it stands where it stands.
  if (answer.kind === 'unknown' || !course.follow(answer)) await course.again();
}

/** Reads what a start tells. */
export function termsOf(data: Members): Terms {
  const { text, version, language, options = [] } = data;
  if (typeof text !== 'string' || typeof version !== 'string' || !Array.isArray(options)) throw new LoginError('refused', 'nothing was told to agree to');
  return { text, version, language: typeof language === 'string' ? language : '', options: options.map(optionOf) };
}

function optionOf(value: unknown): Option {
  const { id, text, required, value: ticked } = (value ?? {}) as Members;
  if (typeof id !== 'string' || typeof text !== 'string') throw new LoginError('refused', 'an option has no name');
  return { id, text, required: required === true, ticked: ticked === true };
}

/** What agreeing leads to. */
interface Conduct {
  readonly refused: Refused | undefined;
  agree(ticks: Ticks): void;
  decline(): void;
}

/** Shows the text, and asks. */
export function consentView(scene: Scene, terms: Terms, { refused, agree, decline }: Conduct): View {
  const { t } = scene;
  const title = t('consentTitle');
  // What was ticked for another text was not ticked for this one.
  const kept = refused?.version === terms.version ? refused.ticks : {};
  const wrong = h('p', { id: 'consent-wrong', part: 'message message-failed', class: 'message failed', role: 'alert' });
  const boxes = terms.options.map((option) => ({ option, box: boxOf(option, kept[option.id] ?? option.ticked) }));
  const form = h('form', { novalidate: true, class: 'identify' },
    h('p', { id: 'terms', part: 'text', class: 'terms', ...inLanguage(terms) }, terms.text),
    boxes.length > 0 && h('ul', { class: 'options' }, ...boxes.map(({ option, box }) => h('li', {},
      h('label', { class: 'option' }, box, h('span', {}, h('span', inLanguage(terms), option.text), option.required && h('span', { class: 'needed' }, ` (${t('consentNeeded')})`)))))),
    h('div', { class: 'trouble' }, wrong),
    h('div', { class: 'actions' }, h('button', { type: 'submit', part: 'button primary agree', class: 'primary', 'data-action': 'agree' }, t('consentAgree')),
      button('decline', 'quiet', t('consentDecline'), decline)));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    for (const { option, box } of boxes) box.setAttribute('aria-invalid', String(option.required && !box.checked));
    const missing = boxes.find(({ option, box }) => option.required && !box.checked);
    if (missing === undefined) return agree(Object.fromEntries(boxes.map(({ option, box }) => [option.id, box.checked])));
    setText(wrong, t('consentRequired', { name: missing.option.text }));
    missing.box.focus();
  });
  setText(wrong, refused?.why ?? '');
  const { panel, heading } = frame(scene, 'consent', title, form);
  return { key: 'consent', panel, heading, takesFocus: true, announcement: `${title} ${refused?.why ?? ''}` };
}

function boxOf({ id, required }: Option, ticked: boolean): HTMLInputElement {
  const box = h('input', { type: 'checkbox', name: id, required, 'data-action': `option-${id}`, 'aria-describedby': 'consent-wrong' });
  box.checked = ticked;
  return box;
}

/** The service's words need not be in the page's language. */
function inLanguage({ language }: Terms): { readonly dir: string; readonly lang: string | undefined } {
  return { dir: 'auto', lang: language === '' ? undefined : language };
}

/** What the view needs beyond the element's own style sheet. */
export const consentStyles = `
.terms { white-space: pre-line; text-align: start; overflow-wrap: anywhere; }
.options { display: grid; gap: .25rem; margin: .5rem 0 0; padding: 0; list-style: none; }
.option { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .75rem; align-items: start; min-block-size: 2.75rem; padding-block: .5rem; cursor: pointer; overflow-wrap: anywhere; }
.option input { inline-size: 1.5rem; block-size: 1.5rem; margin: 0; accent-color: var(--_accent); }
.option input[aria-invalid=true] { outline: 2px solid var(--_danger); outline-offset: 2px; }
.needed { color: var(--_muted); }
`;
