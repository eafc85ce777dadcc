/**
 * What waits, as it comes.
 */
import type { Pending } from '../client.js';
import type { App, Screen } from '../context.js';
import { visible } from '../visible.js';
import { actionButton, confirmed, h, isolated, linkButton } from '../dom.js';
import type { Way } from '../live.js';
import { clockText, explain, localTime } from '../words.js';

const ways: Readonly<Record<Way, string>> = {
  socket: 'Connected. New requests appear here at once.',
  asking: 'Looking for new requests every few seconds.',
  offline: 'The login server cannot be reached. Trying again.',
};

/** The list of sessions that wait, and the ways to the other screens. */
export function homeScreen(app: App): Screen {
  const notices = h('div', { class: 'notices' });
  const list = createList(app);
  const empty = h('p', { class: 'empty', 'data-testid': 'nothing' }, 'Nothing is waiting. When you log in somewhere with this identity, it appears here.');
  const way = h('p', { class: 'help', 'data-testid': 'way' });
  let shownNews = '';
  const show = (): void => {
    const { waiting, refused, enrolment } = app.state;
    if (enrolment === undefined) return app.go('#/'); // forgotten in another tab
    list.show(waiting);
    empty.hidden = waiting.length > 0 || refused !== undefined;
    way.textContent = refused === undefined && app.state.way !== undefined ? ways[app.state.way] : '';
    const news = JSON.stringify([refused?.members, enrolment.news]);
    if (news === shownNews) return; // not built anew, so that the focus stays where it is
    shownNews = news;
    notices.replaceChildren(...refusal(app), ...deviceNews(app));
  };
  const end = app.onChange(show);
  const tick = setInterval(list.tick, 1000);
  show();
  return {
    title: 'Requests for you',
    body: [notices, list.element, empty,
      h('div', { class: 'stack' },
        linkButton('#/scan', 'Scan a code', { class: 'button strong wide', 'data-testid': 'scan' }),
        linkButton('#/devices', 'Your devices', { class: 'button wide', 'data-testid': 'devices' })),
      way],
    leave: () => {
      end();
      clearInterval(tick);
    },
  };
}

/** The list itself; entries are kept as they are while they wait, so that neither focus nor finger slips. */
function createList(app: App) {
  const element = h('ul', { class: 'list', 'data-testid': 'pending-list', 'aria-label': 'Waiting' });
  const shown = new Map<string, { readonly item: HTMLElement; readonly left: HTMLElement; readonly session: Pending }>();
  const show = (sessions: readonly Pending[]): void => {
    const ids = new Set(sessions.map((s) => s.sessionId));
    for (const [id, { item }] of shown) {
      if (ids.has(id)) continue;
      item.remove();
      shown.delete(id);
    }
    for (const session of sessions) {
      if (shown.has(session.sessionId)) continue;
      const left = h('span', { class: 'left' });
      const item = h('li', {}, entry(session, left));
      shown.set(session.sessionId, { item, left, session });
      element.append(item);
      app.say(`${visible(session.serviceName)} waits for your answer.`);
    }
    tick();
  };
  const tick = (): void => {
    for (const { item, left, session } of shown.values()) {
      const milliseconds = app.client.left(session.expiresAt);
      item.hidden = milliseconds <= 0;
      left.textContent = clockText(milliseconds);
    }
  };
  return { element, show, tick };
}

function entry(session: Pending, left: HTMLElement): HTMLElement {
  const mustScan = session.mode === 'scan';
  return h('a', { class: 'entry', href: mustScan ? '#/scan' : `#/s/${session.sessionId}`, 'data-testid': 'pending-item', 'data-session': session.sessionId },
    h('span', { class: 'name' }, isolated(visible(session.serviceName))),
    h('span', { class: 'help' }, mustScan ? 'Scan its code to open it' : 'Open to see what it asks'),
    left);
}

function refusal(app: App): HTMLElement[] {
  const { refused } = app.state;
  if (refused === undefined) return [];
  const box = h('div', { class: 'notice bad', role: 'alert', 'data-testid': 'refused' }, h('p', {}, explain(refused, 'follow')));
  if (refused.code !== 'locked') box.append(forgetButton(app));
  return [box];
}

/** Throws the key of a phone away that the server does not know any more. */
function forgetButton(app: App): HTMLElement {
  return actionButton('Forget this key and enrol again', async () => {
    if (!(await confirmed('Forget this device’s key?', 'It cannot be brought back. You need a new enrolment code afterwards.', 'Forget it'))) return;
    await app.forget();
    app.go('#/');
  }, { 'data-testid': 'forget' });
}

function deviceNews(app: App): HTMLElement[] {
  return (app.me().news ?? []).map((device) => h('div', { class: 'notice warn', role: 'alert', 'data-testid': 'device-added' },
    h('p', {}, 'Another device can now approve for you: ', h('strong', {}, isolated(visible(device.deviceName))), `, added ${localTime(device.createdAt)}. Was this you?`),
    h('div', { class: 'pair' },
      actionButton('Yes, it was me', async () => {
        await app.change(async (present) => ({ ...present, news: (present.news ?? []).filter((n) => n.createdAt !== device.createdAt || n.deviceName !== device.deviceName) }));
      }, { 'data-testid': 'device-added-yes' }),
      linkButton('#/devices', 'No, revoke it', { 'data-testid': 'device-added-no' }))));
}
