/**
 * The user's devices, and what can be done about them.
 */
import type { Device } from '../client.js';
import type { App, Screen } from '../context.js';
import { visible } from '../visible.js';
import { actionButton, confirmed, h, isolated, linkButton } from '../dom.js';
import { explain, localTime } from '../words.js';
import { carePart } from './care.js';
import { cleanName } from './enrol.js';
import { notifyPart } from './notify.js';
import { waysPart } from './ways.js';

/** The list of devices, with the ways to approve and the care of this one below. */
export function devicesScreen(app: App): Screen {
  const error = h('p', { class: 'error', role: 'alert', 'data-testid': 'error' });
  const status = h('p', { class: 'help', role: 'status', 'data-testid': 'status' }, 'Asking the login server…');
  const list = h('ul', { class: 'list', 'data-testid': 'device-list', 'aria-label': 'Your devices' });
  const run = async (act: () => Promise<string>): Promise<void> => {
    error.textContent = '';
    try {
      status.textContent = await act();
    } catch (failure) {
      status.textContent = '';
      error.textContent = explain(failure, 'devices');
    }
  };
  const load = async (): Promise<string> => {
    const listed = await app.asMe((me) => app.client.list(me));
    const { devices, off } = listed;
    notify.show(listed);
    ways.show(off);
    list.replaceChildren(...devices.map((device) => deviceItem(app, device, (act) => run(async () => {
      const done = await act();
      if (app.state.enrolment !== undefined) await load();
      return done;
    }))));
    return '';
  };
  const notify = notifyPart(app, run);
  const ways = waysPart(app, run);
  void run(load);
  return {
    title: 'Your devices',
    body: [h('p', {}, 'Each of these can approve for you.'), h('p', { class: 'help' }, 'Your Countersign id, for pages that ask for it: ', isolated(app.me().tokenId)), status, error, list, notify.section, ways.section, ...carePart(app, run), linkButton('#/', 'Back', { class: 'button wide' })],
  };
}

type Run = (act: () => Promise<string>) => Promise<void>;

function deviceItem(app: App, device: Device, run: Run): HTMLElement {
  const actions = device.current
    ? [renameForm(app, device, run), actionButton('Forget this device', () => forgetThis(app, device, run), { 'data-testid': 'forget' })]
    : [actionButton('Revoke', () => revokeOther(app, device, run), { 'data-testid': 'revoke', 'aria-label': `Revoke ${visible(device.deviceName)}` })];
  return h('li', { class: 'device', 'data-testid': 'device-item', 'data-device': device.deviceId, 'data-current': String(device.current) },
    h('span', { class: 'name' }, isolated(visible(device.deviceName)), device.current && h('span', { class: 'badge' }, 'this device')),
    h('span', { class: 'help' }, isolated(visible(device.platform)), `, since ${localTime(device.createdAt)}`),
    ...actions);
}

function renameForm(app: App, device: Device, run: Run): HTMLElement {
  const name = h('input', { id: 'rename-name', 'data-testid': 'rename-name', maxlength: 64, autocomplete: 'off', value: device.deviceName });
  const rename = async (): Promise<string> => {
    const { deviceName } = await app.client.rename(app.me(), cleanName(name.value));
    await app.change(async (present) => ({ ...present, name: deviceName }));
    return 'Renamed.';
  };
  return h('form', { class: 'inline', novalidate: true, onsubmit: (e) => {
    e.preventDefault();
    void run(rename);
  } }, h('label', { for: 'rename-name' }, 'Name'), name, h('button', { type: 'submit', class: 'button', 'data-testid': 'rename' }, 'Rename'));
}

async function revokeOther(app: App, device: Device, run: Run): Promise<void> {
  const more = 'It cannot approve for you any more. To use it again it has to be enrolled anew.';
  if (!(await confirmed(`Revoke ${visible(device.deviceName)}?`, more, 'Revoke'))) return;
  await run(async () => {
    await app.client.revoke(app.me(), device.deviceId);
    return 'Revoked.';
  });
}

async function forgetThis(app: App, device: Device, run: Run): Promise<void> {
  const more = 'Its key is deleted and it cannot approve for you any more. If it is your only device, you need a new enrolment code to get in again.';
  if (!(await confirmed('Forget this device?', more, 'Forget it'))) return;
  await run(async () => {
    // The key is the only thing that can revoke itself, so it goes only once the server has said yes.
    await app.client.revoke(app.me(), device.deviceId);
    await app.forget();
    app.go('#/');
    return '';
  });
}
