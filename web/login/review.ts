// The view of a review: what is to be approved, drawn from the rows that the authenticator shows too, and the choices how.
import type { Row } from '../authenticator/display.js';
import { formRows } from '../authenticator/form.js';
import type { FormWords } from '../authenticator/form.js';
import { button, h, setText } from '../sdk/src/element/dom.js';
import type { Translate } from '../sdk/src/element/texts.js';
import { frame, purpose } from '../sdk/src/element/view.js';
import type { Scene, View } from '../sdk/src/element/view.js';
import type { ReviewQuestion } from './flow.js';

/** What a review can lead to. */
export interface ReviewConduct {
  choose(method: string): void;
  back(): void;
  cancel(): void;
}

/** What a form says, in the parts that have places of their own. */
interface Parts {
  /** '' when there is none. */
  readonly title: string;
  /** What is said to the user, above the details. */
  readonly words: readonly string[];
  readonly details: readonly Detail[];
}

/** One thing that is approved. */
interface Detail extends Row {
  /** Whether it is the one that matters most: how much. */
  readonly main: boolean;
}

/** The title of a form; '' when it has none. */
export function titleOf(form: unknown): string {
  return isObject(form) && 'title' in form ? textsOf({ title: form['title'] }).join(' ') : '';
}

function partsOf({ t }: Scene, form: unknown): Parts {
  if (!isObject(form)) return { title: '', words: [], details: [] };
  const { title: _, attributes = [], ...other } = form;
  const said = Object.fromEntries(Object.entries(other).filter(([name]) => name === 'greeting' || name === 'summary'));
  const unknown = Object.fromEntries(Object.entries(other).filter(([name]) => !(name in said)));
  const rows = (part: unknown, main: boolean): Detail[] => formRows(part, wordsOf(t)).map((row) => ({ ...row, main }));
  const details = Array.isArray(attributes) ? attributes.flatMap((a: unknown) => rows({ attributes: [a] }, isObject(a) && a['type'] === 'AMOUNT')) : rows({ attributes }, false);
  return { title: titleOf(form), words: textsOf(said), details: [...details, ...rows(unknown, false)] };
}

/** What the parts of a form say that are sentences. */
function textsOf(part: Record<string, unknown>): string[] {
  return formRows(part).map((row) => row.value);
}

/** What is said of a form, in the page's language. */
function wordsOf(t: Translate): FormWords {
  return {
    form: t('moreDetails'), greeting: '', summary: '', attribute: t('moreDetails'),
    amount: t('formAmount'), conversion: t('formConversion'), note: t('formNote'), party: t('formParty'), website: t('formWebsite'), logo: t('formLogo'),
    picture: t('formPicture'), choice: t('formChoice'), success: t('formSuccess'), information: t('formInformation'), warning: t('formWarning'), error: t('formError'),
    rateMayChange: t('formRate'), notLoaded: t('formNotLoaded'), named: (name, value) => name + t('formValue', { value }),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is to be approved, and how. */
export function reviewView(plain: Scene, conduct: ReviewConduct, { form, choices, notYou, failed = '' }: ReviewQuestion): View {
  const { t } = plain;
  const { title, words, details } = partsOf(plain, form);
  const scene = { ...plain, brand: { ...plain.brand, ask: title } };
  const wrong = h('p', { part: 'message message-failed', class: 'message failed', role: 'alert' });
  setText(wrong, failed);
  const { panel, heading } = frame(scene, 'review', purpose(scene),
    ...words.map((text) => h('p', { part: 'text', class: 'said' }, isolated(text))),
    ...listsOf(details),
    h('p', { part: 'text help', class: 'help' }, t('reviewHelp')),
    h('div', { class: 'trouble' }, wrong),
    choicesOf(scene, conduct, choices),
    h('div', { class: 'foot' }, notYou && button('notYou', 'quiet', t('notYou'), conduct.back), button('cancel', 'quiet', t('cancel'), conduct.cancel)));
  return { key: 'review', panel, heading, announcement: `${purpose(scene)}. ${words.join(' ')}` };
}

/** The button that goes on, or one for each way to. */
function choicesOf({ t }: Scene, conduct: ReviewConduct, choices: ReviewQuestion['choices']): HTMLElement | false {
  const [first, ...others] = choices;
  if (first === undefined) return false;
  const go = (id: string, kind: 'primary' | 'secondary', text: string): HTMLElement => button(`choose-${id}`, kind, text, () => conduct.choose(id));
  if (others.length === 0) return h('div', { class: 'choices' }, go(first.id, 'primary', t('identifyContinue')));
  return h('div', { class: 'choices', role: 'group', 'aria-labelledby': 'how' }, h('p', { id: 'how', class: 'label' }, t('chooseHow')),
    go(first.id, 'primary', first.label), ...others.map(({ id, label }) => go(id, 'secondary', label)));
}

/** The details, headings and alerts standing between lists of what has a name. */
function listsOf(details: readonly Detail[]): HTMLElement[] {
  const out: HTMLElement[] = [];
  let list: HTMLElement | undefined;
  for (const detail of details) {
    const isListed = detail.kind !== 'heading' && detail.kind !== 'alert';
    if (!isListed) list = undefined;
    else if (list === undefined) out.push(list = h('dl', { class: 'details' }));
    if (list === undefined) out.push(standing(detail));
    else list.append(named(detail));
  }
  return out;
}

/** What stands by itself. */
function standing({ kind, label, value, note, warn }: Row): HTMLElement {
  if (kind === 'heading') return h('h2', { class: 'part' }, isolated(value));
  return h('div', { class: warn === true ? 'alert warn' : 'alert', role: 'note' },
    label !== '' && h('p', { class: 'label' }, isolated(label)), h('p', {}, isolated(value)), note !== undefined && h('p', { class: 'help' }, note));
}

/** What has a name. */
function named({ kind, label, value, note, main }: Detail): HTMLElement {
  return h('div', { class: main ? `${kind} main` : kind },
    h('dt', {}, isolated(label)), h('dd', {}, isolated(value), note !== undefined && h('span', { class: 'help' }, note)));
}

/** A text of unknown origin, whose writing direction cannot spill into what stands around it. */
function isolated(text: string): HTMLElement {
  return h('bdi', { dir: 'auto' }, text);
}

/** What the view needs beyond the element's own style sheet. */
export const reviewStyles = `
.said, .details dd, .alert p { white-space: pre-line; }
/* Each line reads in its own direction: a name of ours may stand before a text of the service's. */
.review bdi { unicode-bidi: plaintext; }
.details { margin: 1.25rem 0; }
.details > div { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: .125rem 1rem; padding-block: .625rem; border-block-start: 1px solid var(--_line); }
.details > div:last-child { border-block-end: 1px solid var(--_line); }
.details dt { color: var(--_muted); }
.details dd { margin: 0; font-weight: 500; font-variant-numeric: tabular-nums; }
.details .help { display: block; font-weight: 400; }
.details .main { align-items: baseline; }
.details .main dd { font-size: 1.375rem; font-weight: 650; line-height: 1.25; }
.details .json { grid-template-columns: none; }
.details .json dd { white-space: pre-wrap; font: .875rem/1.4 ui-monospace, monospace; }
.part { margin-block: 1.5rem -.5rem !important; font-size: 1.0625rem; font-weight: 650; }
.alert { margin-block: 1.25rem; padding: .75rem 1rem; border: 1px solid var(--_edge); border-inline-start-width: 4px; border-radius: calc(var(--_radius) * .6); background: var(--_soft); }
.alert.warn { border-color: var(--_danger); background: color-mix(in srgb, var(--_danger) 6%, var(--_surface)); }
.review > .help { margin-block: 1rem 0; }
.review .foot .quiet:not(:last-child) { margin-inline: -.75rem auto; }
.choices { display: grid; gap: .75rem; margin-block-start: 1rem; }
@container (max-width: 22rem) { .details > div { grid-template-columns: none; } }
@media (forced-colors: active) { .details > div, .details > div:last-child, .alert { border-color: CanvasText; } }
`;
