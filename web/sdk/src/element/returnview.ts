// The views of a browser that comes back from an app, and of a link that was opened outside the app.
import { button, h } from './dom.js';
import type { Sign } from './dom.js';
import { messagePanel } from './endview.js';
import type { TextKey } from './texts.js';
import type { Scene, View } from './view.js';
import type { Returned } from '../types.js';

/** What a coming back can lead to here; `incomplete`: its link was damaged. */
export type Arrival = Exclude<Returned, 'none'> | 'incomplete';

const arrivals: Readonly<Record<Arrival, { readonly sign: Sign; readonly title: TextKey; readonly text: TextKey }>> = {
  finished: { sign: 'yes', title: 'finishedTitle', text: 'finishedText' },
  waiting: { sign: 'yes', title: 'waitingTitle', text: 'waitingText' },
  stranger: { sign: 'note', title: 'strangerTitle', text: 'strangerText' },
  incomplete: { sign: 'note', title: 'incompleteTitle', text: 'incompleteText' },
};

/** Builds the view of a coming back. `anew` starts a login here, where that is possible. */
export function returnView(scene: Scene, arrival: Arrival, anew?: () => void): View {
  const { t } = scene;
  const { sign, title, text } = arrivals[arrival];
  const mayStart = arrival === 'stranger' || arrival === 'incomplete';
  const { panel, heading } = messagePanel(scene, `returned returned-${arrival}`, sign, t(title),
    h('p', { part: 'text message' }, t(text)),
    arrival === 'stranger' && h('p', { part: 'text' }, t('strangerHelp')),
    mayStart && anew !== undefined && h('div', { class: 'foot' }, button('start-anew', 'secondary', t('startAnew'), anew)));
  return { key: `returned ${arrival}`, panel, heading, takesFocus: true, announcement: `${t(title)}. ${t(text)}` };
}

/** Builds the page of a QR code's link opened in a browser; with `app`, the link to the app on this device. */
export function linkView(scene: Scene, issuer: string, app: string): View {
  const { t } = scene;
  const title = t(app === '' ? 'linkScanTitle' : 'linkOpenTitle');
  const text = t(app === '' ? 'linkScanText' : 'linkOpenText', { issuer });
  const { panel, heading } = messagePanel(scene, 'link', 'note', title,
    h('p', { part: 'text' }, text),
    app !== '' && h('div', { class: 'foot' }, h('a', { part: 'button primary open-app', class: 'primary', href: app, 'data-action': 'open-app' }, t('linkOpen'))),
    h('p', { part: 'text warning', class: 'help warning' }, t('linkWarning')));
  return { key: 'link', panel, heading, announcement: '' };
}
