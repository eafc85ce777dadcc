/**
 * Being told of requests while the app is closed: one button.
 */
import type { Listed } from '../client.js';
import type { App } from '../context.js';
import { actionButton, h } from '../dom.js';
import { thisBrowser } from '../push.js';
import type { Wish } from '../push.js';

type Run = (act: () => Promise<string>) => Promise<void>;

/** The part of the page, and what shows how it stands. */
export interface NotifyPart {
  readonly section: HTMLElement;
  show(listed: Listed): void;
}

const words: Readonly<Record<Wish, string>> = {
  on: 'You are notified from now on.',
  denied: 'Your browser does not let this app notify you. You can change that in its settings for this page.',
  impossible: 'This browser cannot be woken by a push service. On an iPhone, add the app to the home screen first.',
};

/** The part with the button; `run` shows what an act says or how it fails. */
export function notifyPart(app: App, run: Run): NotifyPart {
  let key = '';
  const say = h('p', { 'data-testid': 'notify-state' });
  const show = (is: boolean): void => {
    say.textContent = is ? 'This device is woken when a request waits for you.' : 'Requests appear while this app is open.';
    on.hidden = is || key === '' || thisBrowser() === undefined;
    off.hidden = !is;
  };
  const on = actionButton('Notify me', () => run(async () => {
    const wish = await app.pushes.on(app.me(), key);
    if (wish === 'on') show(true);
    return words[wish];
  }), { 'data-testid': 'notify', hidden: true });
  const off = actionButton('Stop notifying me', () => run(async () => {
    await app.pushes.off(app.me());
    show(false);
    return 'You are not notified any more.';
  }), { 'data-testid': 'notify-off', hidden: true });
  const section = h('section', { class: 'care', 'data-testid': 'notify-part' }, h('h2', {}, 'While this app is closed'), say,
    h('p', { class: 'help' }, 'A notice says only that something waits. Who asks you, and what for, is shown in the app.'), on, off);
  return {
    section,
    show: ({ devices, pushKey }) => {
      key = pushKey ?? '';
      show(devices.some((d) => d.current && d.push === true));
    },
  };
}
