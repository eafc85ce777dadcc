/**
 * The care of an identity: another phone, a holiday, a new key.
 */
import { encodeQR } from 'qr';
import type { App } from '../context.js';
import { actionButton, confirmed, drawCells, h } from '../dom.js';
import { rotate } from '../rotate.js';
import { localTime } from '../words.js';

type Run = (act: () => Promise<string>) => Promise<void>;

/** The three parts below the list of devices; `run` shows what an act says or how it fails. */
export function carePart(app: App, run: Run): HTMLElement[] {
  return [newPhone(app, run), holiday(app, run), newKey(app, run)];
}

function newPhone(app: App, run: Run): HTMLElement {
  const place = h('div', { class: 'stack', 'data-testid': 'new-code-place' });
  const make = (): Promise<void> => run(async () => {
    const { enrollmentCode, expiresAt } = await app.client.newCode(app.me());
    const link = `${app.issuer}/authenticator#enroll=${enrollmentCode}`;
    place.replaceChildren(
      drawCells(encodeQR(link, 'raw', { ecc: 'medium', border: 4 }), 'QR code of the enrolment link'),
      h('p', {}, 'Scan this with the camera of the new phone, or type the code there:'),
      h('output', { class: 'enrolment', 'data-testid': 'enrolment-code' }, enrollmentCode),
      h('p', { class: 'help', 'data-testid': 'enrolment-expires' }, `Good once, until ${localTime(expiresAt)}. Whoever has it becomes you: show it to nobody.`));
    return '';
  });
  return h('section', { class: 'care' }, h('h2', {}, 'Add a phone'),
    h('p', {}, 'Make a code with which another phone joins your identity.'), actionButton('Make a code', make, { 'data-testid': 'new-code' }), place);
}

function holiday(app: App, run: Run): HTMLElement {
  const hours = h('input', { id: 'lock-hours', 'data-testid': 'lock-hours', type: 'number', inputmode: 'numeric', min: 1, max: 720, step: 1, value: 24, 'aria-describedby': 'lock-help' });
  const lock = async (): Promise<void> => {
    const wanted = Number(hours.value);
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > 720) {
      return run(() => Promise.resolve('Give whole hours from 1 to 720.'));
    }
    const more = 'Until then nobody can ask you to approve anything, and none of your devices can approve or end the lock early.';
    if (!(await confirmed(`Lock for ${wanted} ${wanted === 1 ? 'hour' : 'hours'}?`, more, 'Lock'))) return;
    await run(async () => {
      const { lockedUntil } = await app.client.lock(app.me(), wanted);
      return `Locked until ${localTime(lockedUntil)}.`;
    });
  };
  return h('section', { class: 'care' }, h('h2', {}, 'Holiday'),
    h('p', { id: 'lock-help' }, 'Lock your identity on all devices for a while: 1 to 720 whole hours.'),
    h('form', { class: 'inline', novalidate: true, onsubmit: (e) => {
      e.preventDefault();
      void lock();
    } }, h('label', { for: 'lock-hours' }, 'Hours'), hours, h('button', { type: 'submit', class: 'button', 'data-testid': 'lock' }, 'Lock')));
}

function newKey(app: App, run: Run): HTMLElement {
  const change = (): Promise<void> => run(async () => {
    await app.change((present) => rotate(app.tools, present));
    await app.agree();
    await app.lookAtDevices().catch(() => undefined); // the new key has to say anew where it is woken
    return 'This device has a new key.';
  });
  return h('section', { class: 'care' }, h('h2', {}, 'New key'),
    h('p', {}, 'Replace the key of this device. Nothing else changes.'), actionButton('Replace the key', change, { 'data-testid': 'rotate' }));
}
