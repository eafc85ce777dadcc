// The view of a code that is typed in the page.
import { button, h, setText } from '../sdk/src/element/dom.js';
import { frame, purpose } from '../sdk/src/element/view.js';
import type { Scene, View } from '../sdk/src/element/view.js';
import { scopesOf, scopesSaid } from './scopes.js';
import type { Course } from './takers.js';

/** What is asked for. */
export interface CodeQuestion {
  /** The view's name. */
  readonly key: string;
  /** What the user is to do, in words, and what stands above the field. */
  readonly help: string;
  readonly above: readonly (HTMLElement | false)[];
  readonly label: string;
  readonly digits: number;
  /** Why the last code was refused, in the server's words. */
  readonly failed: string;
  /** Stands beside the button that goes on. */
  readonly beside: HTMLElement | false;
  /** Told of a code that has its digits. */
  answer(code: string): void;
}

/** Asks for a code. */
export function codeView(scene: Scene, course: Course, question: CodeQuestion): View {
  const { t } = scene;
  const { key, digits } = question;
  const field = h('input', { id: 'code', name: 'code', type: 'text', class: 'field code', part: 'field', dir: 'ltr', inputmode: 'numeric', autocomplete: 'one-time-code',
    maxlength: 2 * digits, 'aria-describedby': 'code-help code-wrong', 'data-action': 'code' });
  const wrong = h('p', { id: 'code-wrong', part: 'message message-failed', class: 'message failed', role: 'alert' });
  const complain = (words: string): void => {
    setText(wrong, words);
    field.setAttribute('aria-invalid', String(words !== ''));
  };
  const form = h('form', { novalidate: true, class: 'identify' },
    h('label', { for: 'code', class: 'label' }, question.label), field,
    h('p', { id: 'code-help', part: 'text', class: 'help' }, question.help),
    h('div', { class: 'trouble' }, wrong),
    h('div', { class: 'actions' }, h('button', { type: 'submit', part: 'button primary continue', class: 'primary', 'data-action': 'continue' }, t('identifyContinue')), question.beside));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const code = field.value.replace(/[\s-]/g, '');
    if (code.length === digits && /^[0-9]+$/.test(code)) return question.answer(code);
    complain(t('codeDigits', { digits }));
    field.focus();
  });
  if (question.failed !== '') complain(question.failed);
  const { panel, heading } = frame(scene, key, purpose(scene), ...question.above, scopesOf(scene, course.scopes), form, wayOut(scene, course));
  return { key, panel, heading, announcement: `${purpose(scene)}. ${scopesSaid(scene, course.scopes)} ${question.help} ${question.failed}` };
}

/** The ways that lead elsewhere: other methods, another name, the end. */
export function wayOut({ t }: Scene, { others, back, backText, take, cancel }: Course): HTMLElement {
  return h('div', { class: 'foot' },
    ...others.map(({ id, label }) => button(`take-${id}`, 'secondary', label, () => take(id))),
    back !== undefined && button('notYou', 'quiet', t(backText), back), button('cancel', 'quiet', t('cancel'), cancel));
}
