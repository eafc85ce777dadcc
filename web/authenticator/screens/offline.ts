/**
 * Without a network: shows what a scanned code asks, and then the digits that answer it. Nothing is sent.
 */
import type { App, Screen } from '../context.js';
import { dataFields } from '../data.js';
import type { Row } from '../display.js';
import { actionButton, h, linkButton } from '../dom.js';
import type { Offline, OfflineRefusal, Question } from '../offline.js';
import { OfflineRefused, offlineCode, readQuestion } from '../offline.js';
import { visible, visibleAddress } from '../visible.js';
import { localTime } from '../words.js';
import { drawRow, watchSight } from './panel.js';

const refusals: Readonly<Record<OfflineRefusal, string>> = {
  form: 'This app does not understand this code. Begin again on the screen that shows it.',
  foreign: 'This code is of another login server than this app is enrolled with. Do not go on with the page that shows it.',
  forged: 'This code does not come from your login server: somebody has changed it, or made it up. Do not go on with the page that shows it.',
  expired: 'The time of this code is up. Begin again on the screen that shows it. If it is new, this device’s clock may be wrong.',
};

const notAgreed = 'This app has to be connected once before it can make codes without a network. Connect it, wait a moment, and scan the code again.';

/** The question that was scanned last. */
export function offlineScreen(app: App): Screen {
  const body = h('div', { class: 'stack' }, h('p', { role: 'status' }, 'Checking the code…'));
  const text = app.state.question;
  let clear = (): void => undefined;
  let left = false;
  const refuse = (words: string): void => body.replaceChildren(
    h('p', { class: 'error', role: 'alert', 'data-testid': 'offline-refused' }, words), linkButton('#/', 'Back', { class: 'button wide' }));
  const begin = async (): Promise<void> => {
    const { offline } = app.me();
    if (text === '') return app.go('#/'); // loaded again: the code has to be scanned again
    if (offline === undefined) return refuse(notAgreed);
    const question = await readQuestion(text, app.issuer, offline.signing, app.client.left);
    if (left) return;
    const view = questionView(app, question, () => reveal(offline, question));
    clear = view.stop;
    body.replaceChildren(...view.parts);
  };
  const reveal = async (offline: Offline, question: Question): Promise<void> => {
    if (app.client.left(question.expiresAt) <= 0) return refuse(refusals.expired);
    const code = await offlineCode(offline.codes, text);
    if (left) return;
    app.state.question = ''; // a code is good once, so it is not shown again by going back
    body.replaceChildren(...codeView(code));
    app.retitle('Type these digits in the page');
  };
  begin().catch((error: unknown) => refuse(refusals[error instanceof OfflineRefused ? error.why : 'form']));
  return {
    title: 'Do you want to approve this?',
    body: [body],
    leave: () => {
      left = true;
      clear();
    },
  };
}

function questionView(app: App, question: Question, show: () => Promise<void>): { readonly parts: readonly HTMLElement[]; stop(): void } {
  const rows = questionRows(question).map(drawRow);
  const end = h('div', { class: 'end' });
  const panel = h('section', { class: 'panel', 'aria-label': 'What is asked', 'data-testid': 'display' }, ...rows, end);
  const sight = watchSight([...rows, end]);
  const gate = h('p', { id: 'gate', class: 'help', 'data-testid': 'gate' }, 'Read to the end of what is asked, then you can see the digits.');
  const approve = actionButton('Show the digits', show, { class: 'button yes', 'data-testid': 'approve', 'aria-describedby': 'gate', disabled: true });
  // A moment more than it takes to see: a second tap that was meant for the screen before must not approve.
  void sight.seen.then(() => setTimeout(() => {
    approve.disabled = false;
    gate.hidden = true;
  }, 500));
  const leave = actionButton('Leave it', () => {
    app.state.question = '';
    app.go('#/');
  }, { class: 'button no', 'data-testid': 'decline' });
  const warning = h('p', { class: 'help' }, 'Whoever gets the digits can approve this. Type them only in a page that you have opened yourself just now, and tell them to nobody.');
  return { parts: [panel, gate, warning, h('div', { class: 'pair' }, leave, approve)], stop: sight.stop };
}

/** Everything that a question says, in the order it is to be shown. */
export function questionRows(q: Question): Row[] {
  const rows: Row[] = [
    { kind: 'text', id: 'service', label: 'Service', value: `${visible(q.serviceName)} (${visible(q.serviceId)})`, note: 'As your login server knows it. Which page shows you the code, this app cannot tell.' },
    { kind: 'text', id: 'operation', label: 'What you approve', value: visible(q.name) },
  ];
  if (q.title !== '') rows.push({ kind: 'heading', label: '', value: visible(q.title) });
  for (const { label, value } of dataFields(q.data) ?? []) rows.push({ kind: 'text', label, value });
  if (q.data !== '') rows.push({ kind: 'text', id: 'operation-data', label: 'Signed data', value: visible(q.data) });
  rows.push({ kind: 'address', id: 'issuer', label: 'Login server', value: visibleAddress(q.issuer) });
  rows.push({ kind: 'text', id: 'until', label: 'Good until', value: localTime(q.expiresAt) });
  return rows;
}

function codeView(code: string): HTMLElement[] {
  return [
    h('output', { class: 'compare', 'data-testid': 'offline-code', 'aria-label': [...code].join(' ') }, `${code.slice(0, 4)} ${code.slice(4)}`),
    h('p', {}, 'Type them in the page where you began. They are good once, for what you have just read.'),
    linkButton('#/', 'Done', { class: 'button wide', 'data-testid': 'done' }),
  ];
}
