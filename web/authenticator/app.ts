/**
 * The reference authenticator: a web page that is a phone of the protocol. This file starts it and goes from screen to
 * screen; what it shows is in screens/, what it signs in protocol.ts.
 */
import { createClient } from './client.js';
import { createApp } from './context.js';
import type { App, AppState, Screen } from './context.js';
import { h } from './dom.js';
import { openKeyStore } from './keys.js';
import { clearNotices } from './push.js';
import { readRoute } from './qrtext.js';
import { decideScreen } from './screens/decide.js';
import { showDetails } from './screens/details.js';
import { devicesScreen } from './screens/devices.js';
import { enrolScreen } from './screens/enrol.js';
import { homeScreen } from './screens/home.js';
import { offlineScreen } from './screens/offline.js';
import { scanScreen } from './screens/scan.js';
import { elsewhereScreen, insecureScreen, oldBrowserScreen, unreachableScreen } from './screens/trouble.js';

const brand = 'Countersign Authenticator';

/** The address the app is served under, without its own name: the issuer, if the page was opened where it should be. */
function baseOf(address: Location): string {
  return address.origin + address.pathname.replace(/\/authenticator\/?$/, '');
}

function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no #${id}`);
  return element;
}

/** Where screens are shown one after the other, each with its heading focused so that a screen reader begins there. */
function createStage(main: HTMLElement) {
  let present: Screen | undefined;
  const heading = h('h1', { tabindex: -1 });
  const entitle = (title: string): void => {
    heading.textContent = title;
    document.title = `${title} · ${brand}`;
    scrollTo(0, 0);
  };
  return {
    show(screen: Screen): void {
      const first = present === undefined; // the browser itself begins at the top of a page
      present?.leave?.();
      present = screen;
      main.replaceChildren(heading, ...screen.body);
      entitle(screen.title);
      if (!first) heading.focus();
    },
    retitle(title: string): void {
      entitle(title);
      heading.focus();
    },
  };
}

/** Says a text politely, also when it is the same twice. */
function createVoice(place: HTMLElement): (text: string) => void {
  return (text) => {
    place.textContent = '';
    setTimeout(() => (place.textContent = text), 50);
  };
}

function mark(link: Element, here: boolean): void {
  if (here) link.setAttribute('aria-current', 'page');
  else link.removeAttribute('aria-current');
}

async function discover(base: string): Promise<string> {
  const response = await fetch(`${base}/.well-known/openid-configuration`, { cache: 'no-store', credentials: 'omit' });
  const { issuer } = (await response.json()) as { issuer?: unknown };
  if (!response.ok || typeof issuer !== 'string') throw new Error('no discovery document');
  return issuer;
}

function createPage(base: string, { show, retitle }: ReturnType<typeof createStage>) {
  const state: AppState = { enrolment: undefined, waiting: [], way: undefined, refused: undefined, trace: undefined, scans: new Map(), question: '', ended: new Set() };
  let discovered = '';
  let turn = 0;
  const render = async (): Promise<void> => {
    const mine = ++turn;
    byId('nav').hidden = state.enrolment === undefined;
    for (const link of document.querySelectorAll('nav a')) mark(link, link.getAttribute('href') === (location.hash || '#/'));
    if (state.enrolment !== undefined) return show(screenOf(app));
    // Only an enrolment needs to ask who the server is; afterwards the key remembers.
    if (discovered === '') discovered = await discover(base).catch(() => '');
    if (mine !== turn) return; // gone on meanwhile
    if (discovered === '') return show(unreachableScreen(() => void render()));
    if (discovered !== base) return show(elsewhereScreen(discovered));
    const route = readRoute(location.hash);
    show(enrolScreen(app, route.screen === 'enrol' ? route.code : '', route.screen === 'decide' ? location.hash : '#/'));
  };
  const app = createApp({
    issuer: base, state, store: openKeyStore(indexedDB), retitle, say: createVoice(byId('voice')),
    client: createClient({ base, fetch: (...a) => fetch(...a), now: Date.now, trace: (trace) => (state.trace = trace) }),
    go: (hash) => {
      if (location.hash === hash) void render();
      else location.hash = hash;
    },
  });
  return { app, render };
}

function screenOf(app: App): Screen {
  const route = readRoute(location.hash);
  switch (route.screen) {
    case 'scan': return scanScreen(app);
    case 'devices': return devicesScreen(app);
    case 'offline': return offlineScreen(app);
    case 'decide': return decideScreen(app, route.sessionId, route.scan === '' ? app.state.scans.get(route.sessionId) ?? '' : route.scan);
    case 'enrol': // one key per issuer is enough
      app.say('This device is enrolled already.');
      return homeScreen(app);
    case 'home': return homeScreen(app);
  }
}

async function main(): Promise<void> {
  const stage = createStage(byId('main'));
  if (!isSecureContext) return stage.show(insecureScreen(location.origin));
  if (!('subtle' in crypto) || !('locks' in navigator) || !('IntersectionObserver' in globalThis)) return stage.show(oldBrowserScreen());
  const { app, render } = createPage(baseOf(location), stage);
  addEventListener('hashchange', () => void render());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible') return;
    app.wake();
    void clearNotices();
  });
  addEventListener('pageshow', ({ persisted }) => persisted && app.wake());
  addEventListener('online', () => app.wake());
  byId('details').addEventListener('click', () => showDetails(app));
  try {
    await app.start(render);
  } catch {
    return stage.show(oldBrowserScreen()); // a browser that has IndexedDB only by name
  }
  // The worker keeps the app's files for when there is no network, and is woken; the app does without where it cannot be had.
  await navigator.serviceWorker?.register('authenticator/worker.js', { scope: 'authenticator' }).catch(() => undefined);
  await clearNotices();
}

void main();
