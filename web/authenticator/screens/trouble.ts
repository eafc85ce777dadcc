/**
 * What is shown when the app cannot work in this place at all.
 */
import type { Screen } from '../context.js';
import { visibleAddress } from '../visible.js';
import { h } from '../dom.js';

/** The page is not in a secure context, so the browser gives it no keys. */
export function insecureScreen(origin: string): Screen {
  return {
    title: 'This page cannot keep a key',
    body: [
      h('p', { 'data-testid': 'insecure' }, 'Browsers make keys only for pages that came over an encrypted connection, and this one did not: ', h('bdi', {}, visibleAddress(origin))),
      h('p', {}, 'What to do:'),
      h('ul', {},
        h('li', {}, 'Open the same address with https:// in front.'),
        h('li', {}, 'On the machine where a development server runs, open it as http://localhost.'),
        h('li', {}, 'From another device, start the development server with ', h('code', {}, '--lan'), ', which makes a certificate for this.')),
    ],
  };
}

/** The browser lacks something the app is built on. */
export function oldBrowserScreen(): Screen {
  return {
    title: 'This browser is too old',
    body: [h('p', { 'data-testid': 'unsupported' }, 'This app needs a browser that can make and keep keys. A current Chrome, Edge, Firefox or Safari can, outside of private windows.')],
  };
}

/** The page was opened under another name than the server's own, which would put another name into what is signed. */
export function elsewhereScreen(issuer: string): Screen {
  const link = `${issuer}/authenticator`;
  return {
    title: 'This is not the app’s own address',
    body: [h('p', { 'data-testid': 'elsewhere' }, 'The login server calls itself ', h('bdi', {}, visibleAddress(issuer)), '. Open the app there:'), h('p', {}, h('a', { href: link }, visibleAddress(link)))],
  };
}

/** The server did not say who it is, and this phone is not enrolled yet. */
export function unreachableScreen(retry: () => void): Screen {
  return {
    title: 'The login server cannot be reached',
    body: [
      h('p', { 'data-testid': 'unreachable' }, 'Check your connection. A device has to be connected to be enrolled.'),
      h('button', { type: 'button', class: 'button strong wide', onclick: retry }, 'Try again'),
    ],
  };
}
