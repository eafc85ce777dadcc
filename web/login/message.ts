// The method message: a code that the server sends, by SMS or mail, and that is typed here.
import { clock } from '../sdk/src/element/blocks.js';
import { button, h, setText } from '../sdk/src/element/dom.js';
import { frame, purpose } from '../sdk/src/element/view.js';
import type { Scene, View } from '../sdk/src/element/view.js';
import { LoginError } from '../sdk/src/errors.js';
import { isBehind } from './authn.js';
import type { Answer, Members, Present } from './authn.js';
import { codeView, wayOut } from './codeview.js';
import { titleOf } from './review.js';
import { granted } from './scopes.js';
import type { Course, Taker } from './takers.js';

/** What is known of a message that was asked for. */
interface Sent {
  /** Where it went, masked; '' where the server does not tell. */
  readonly to: string;
  /** When another can be sent. */
  readonly againAt: number;
  readonly digits: number;
}

/** Has a code sent, and asks for it. Begun again after a reload, it goes on with the code that was sent before. */
export const byMessage: Taker = async (course, step) => {
  course.busy();
  const answer = await course.authn.ask('start', { method: 'message' });
  const sent = sentIn(answer);
  if (sent) return ask(course, step, sent, '');
  if (answer.kind === 'failure') return course.show((scene) => refusedView(scene, course, answer.message));
  await elsewhere(course, answer);
};

function ask(course: Course, step: Present, sent: Sent, failed: string): void {
  course.show((scene) => messageView(scene, course, step, sent, failed));
}

/** Another code, which kills the one before; a refusal leaves that one as it is. */
async function resend(course: Course, step: Present, before: Sent): Promise<void> {
  course.busy();
  const answer = await course.authn.ask('start', { method: 'message' });
  const sent = sentIn(answer);
  if (sent) return ask(course, step, sent, '');
  if (answer.kind === 'failure') return ask(course, step, before, answer.message);
  await elsewhere(course, answer);
}

async function verify(course: Course, step: Present, sent: Sent, otp: string): Promise<void> {
  course.busy();
  const answer = await course.authn.ask('verify', { otp, grantedScopes: granted(course.scopes) });
  if (answer.kind !== 'failure') return elsewhere(course, answer);
  const { message, remaining = 0 } = answer;
  // Without tries left the method is closed: what remains are the other ways.
  if (remaining === 0) return course.show((scene) => refusedView(scene, course, message));
  course.show((scene) => messageView(scene, course, step, sent, `${message} ${scene.t('triesLeft', { n: remaining })}`));
}

/** Goes where the operation stands: another tab may have gone on with it. */
async function elsewhere({ again, follow }: Course, answer: Answer): Promise<void> {
  if (isBehind(answer)) return again();
  if (!follow(answer)) throw new LoginError('refused', 'the method message was not answered');
}

function sentIn(answer: Answer): Sent | undefined {
  if (answer.kind !== 'told') return undefined;
  const { sentTo, resendAfter, length }: Members = answer.data;
  if (typeof sentTo !== 'string' || typeof resendAfter !== 'number' || typeof length !== 'number') return undefined;
  return { to: sentTo, againAt: Date.now() + resendAfter * 1000, digits: length };
}

function messageView(scene: Scene, course: Course, step: Present, sent: Sent, failed: string): View {
  const { t } = scene;
  const said = sent.to === '' ? t('messageMaybe') : t('messageSent', { to: sent.to });
  const title = scene.brand.approval ? titleOf(step.form) : '';
  const another = button('another', 'quiet', '', () => void course.attempt(() => resend(course, step, sent)));
  const tick = (): void => {
    const left = Math.max(0, Math.ceil((sent.againAt - Date.now()) / 1000));
    another.disabled = left > 0;
    setText(another, left > 0 ? t('messageWait', { time: clock(left) }) : t('messageAgain'));
  };
  tick();
  const view = codeView(scene, course, {
    key: 'message', help: t('messageCare'), label: t('messageLabel'), digits: sent.digits, failed, beside: another,
    above: [title !== '' && h('p', { part: 'summary', class: 'summary' }, title), h('p', { part: 'text', class: 'help' }, said)],
    answer: (code) => void course.attempt(() => verify(course, step, sent, code)),
  });
  return { ...view, announcement: `${said} ${view.announcement}`, tick };
}

/** No code is sent, or none is taken any more: why, and what else there is. */
function refusedView(scene: Scene, course: Course, why: string): View {
  const { panel, heading } = frame(scene, 'message', purpose(scene),
    h('div', { class: 'trouble' }, h('p', { part: 'message message-failed', class: 'message failed', role: 'alert' }, why)), wayOut(scene, course));
  return { key: 'message', panel, heading, announcement: why };
}
