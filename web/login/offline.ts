// The method of a phone without a network: the page draws what the server asks, the phone shows it with a code of eight
// digits, and the user types those here.
import { h } from '../sdk/src/element/dom.js';
import { frame, purpose } from '../sdk/src/element/view.js';
import type { Scene, View } from '../sdk/src/element/view.js';
import { LoginError } from '../sdk/src/errors.js';
import { denseQR } from '../sdk/src/qr.js';
import { isBehind } from './authn.js';
import { codeView, wayOut } from './codeview.js';
import { titleOf } from './review.js';
import { granted } from './scopes.js';
import type { Course, Taker } from './takers.js';

const digits = 8;

/** The one form of texts that there is. */
const format = 'countersign-offline-v1';

/** How the last code was answered. */
interface Failed {
  readonly words: string;
  readonly remaining: number | undefined;
}

/** Draws the code, which is the same until it is answered, and takes the digits. */
export const offline: Taker = async (course, step) => {
  const { authn } = course;
  course.busy();
  const answer = await authn.ask('start', { method: 'offline' });
  if (answer.kind === 'failure') throw new LoginError('refused', 'nothing is drawn', { problem: answer.message || undefined });
  if (answer.kind !== 'told') return goOn(course, answer);
  const { qr, format: form } = answer.data;
  if (typeof qr !== 'string' || form !== format) throw new LoginError('unsupported', 'this page does not know what is drawn');
  const about = titleOf(step.form);
  const show = (failed?: Failed): void => course.show((scene) => drawnView(asking(scene, about), course, qr, failed, take));
  const take = (code: string): void => {
    let sent = false;
    void course.attempt(async () => {
      // A code counts when it arrives. Whoever tries again after a lost answer first hears what became of it.
      if (sent) return course.again();
      sent = true;
      course.busy();
      const judged = await authn.ask('verify', { code, grantedScopes: granted(course.scopes) });
      if (judged.kind !== 'failure') return goOn(course, judged);
      const { message: words, remaining } = judged;
      if (remaining === 0) return course.show((scene) => overView(asking(scene, about), course, words));
      show({ words, remaining });
    });
  };
  show();
};

/** Goes where an answer leads; a step that takes this no more is asked for anew. */
function goOn(course: Course, answer: Parameters<Course['follow']>[0]): Promise<void> {
  return isBehind(answer) || !course.follow(answer) ? course.again() : Promise.resolve();
}

function asking(scene: Scene, about: string): Scene {
  return { ...scene, brand: { ...scene.brand, ask: scene.brand.approval ? about : '' } };
}

function drawnView(scene: Scene, course: Course, qr: string, failed: Failed | undefined, answer: (code: string) => void): View {
  const { t } = scene;
  const picture = denseQR(qr);
  picture.setAttribute('aria-label', t('offlineQR'));
  const wrong = failed === undefined ? '' : failed.remaining === undefined ? failed.words : t('wrongCode', { n: failed.remaining });
  return codeView(scene, course, {
    key: 'offline', help: t('offlineHelp'), label: t('offlineLabel'), digits, failed: wrong, beside: false, answer,
    above: [
      h('p', { part: 'text' }, t('offlineIntro')),
      h('div', { part: 'qr', class: 'qr drawn' }, picture),
      h('details', { class: 'fold' }, h('summary', { 'data-action': 'offline-text' }, t('offlineText')),
        h('div', { class: 'folded' }, h('pre', { class: 'qr-text', dir: 'ltr', tabindex: 0 }, qr))),
    ],
  });
}

/** After the last code: only the other ways are left. */
function overView(scene: Scene, course: Course, words: string): View {
  const { panel, heading } = frame(scene, 'offline-over', purpose(scene),
    h('div', { class: 'trouble' }, h('p', { part: 'message message-failed', class: 'message failed', role: 'alert' }, words)), wayOut(scene, course));
  return { key: 'offline-over', panel, heading, takesFocus: true, announcement: words };
}

/** What the view needs beyond the element's own style sheet. The picture is as wide as the panel: it has many modules. */
export const offlineStyles = `
.qr.drawn { inline-size: min(100%, 24rem); margin: 1.25rem auto 0; }
.qr-text { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: .8125rem/1.4 ui-monospace, monospace; user-select: all; }
`;
