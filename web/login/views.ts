// The views of the login page that are not the login's own: who logs in, and how an operation ends without one.
import { button, h, setText } from '../sdk/src/element/dom.js';
import { messagePanel } from '../sdk/src/element/endview.js';
import { frame, purpose } from '../sdk/src/element/view.js';
import type { Scene, View } from '../sdk/src/element/view.js';
import type { WhoQuestion } from './flow.js';

/** What the question who logs in can lead to. */
export interface IdentifyConduct {
  identify(user: string): void;
  scan(): void;
  passkey(): void;
  forget(): void;
  cancel(): void;
}

/** The question who logs in. */
export function identifyView(scene: Scene, conduct: IdentifyConduct, { user, scan, passkey, failed }: WhoQuestion): View {
  const { t } = scene;
  // An id is Latin in every language, and no word that a keyboard should mend.
  const field = h('input', { id: 'user', name: 'username', type: 'text', class: 'field', part: 'field', dir: 'ltr', autocomplete: 'username',
    autocapitalize: 'none', autocorrect: 'off', spellcheck: 'false', maxlength: 64, 'aria-describedby': 'user-help user-wrong', 'data-action': 'user' });
  field.value = user;
  const wrong = h('p', { id: 'user-wrong', part: 'message message-failed', class: 'message failed', role: 'alert' });
  const complain = (words: string): void => {
    setText(wrong, words);
    field.setAttribute('aria-invalid', String(words !== ''));
  };
  const notYou = button('not-you', 'quiet', t('notYou'), () => {
    conduct.forget();
    field.value = '';
    notYou.hidden = true;
    field.focus();
  });
  notYou.hidden = user === '';
  const form = h('form', { novalidate: true, class: 'identify' },
    h('label', { for: 'user', class: 'label' }, t('identifyLabel')), field,
    h('p', { id: 'user-help', part: 'text', class: 'help' }, t('identifyHelp')),
    h('div', { class: 'trouble' }, wrong),
    h('div', { class: 'actions' }, h('button', { type: 'submit', part: 'button primary continue', class: 'primary', 'data-action': 'continue' }, t('identifyContinue')), notYou));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const name = field.value.trim();
    if (name !== '') return conduct.identify(name);
    complain(t('nameMissing'));
    field.focus();
  });
  if (failed) complain(failed.why || t('identifyFailed'));
  const { panel, heading } = frame(scene, 'who', purpose(scene), form,
    h('div', { class: 'foot' }, scan && button('scan', 'secondary', t('scanInstead'), conduct.scan), passkey && button('passkey', 'secondary', t('passkeyUse'), conduct.passkey), button('cancel', 'quiet', t('cancel'), conduct.cancel)));
  return { key: 'identify', panel, heading, announcement: `${purpose(scene)}. ${t('identifyLabel')}` };
}

/** While the server is asked. */
export function busyView(scene: Scene): View {
  const { t } = scene;
  const { panel, heading } = frame(scene, 'starting', purpose(scene),
    h('p', { part: 'text', class: 'busy' }, h('span', { class: 'spinner', 'aria-hidden': 'true' }), t('starting')));
  return { key: 'busy', panel, heading, announcement: '' };
}

/** The operation is not this browser's, or has ended. */
export function notYoursView(scene: Scene): View {
  const { t } = scene;
  const { panel, heading } = messagePanel(scene, 'not-yours', 'note', t('notYoursTitle'), h('p', { part: 'text message' }, t('notYoursText')));
  return { key: 'not-yours', panel, heading, takesFocus: true, announcement: `${t('notYoursTitle')}. ${t('notYoursText')}` };
}

/** The words on the link that leads back to the service. */
export function backWords({ t, brand }: Scene): string {
  return brand.service === '' ? t('goBack') : t('backTo', { service: brand.service });
}

/** What the views here need beyond the element's own style sheet. */
export const fieldStyles = `
.identify { display: grid; gap: .5rem; margin-block-start: 1.25rem !important; }
.label { font-weight: 600; }
.field {
  inline-size: 100%; min-block-size: 2.75rem; padding: .625rem .875rem; font: inherit; color: var(--_text); background: var(--_surface);
  text-align: start; border: 1px solid var(--_edge); border-radius: calc(var(--_radius) * .7);
}
.field[aria-invalid=true] { border-color: var(--_danger); border-width: 2px; }
.actions { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; margin-block-start: .75rem; }
.actions .primary { min-inline-size: 9rem; }
.actions .quiet { margin-inline: 0; }
@media (forced-colors: active) { .field { border-color: FieldText; } }
`;
