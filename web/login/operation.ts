// The page of an operation, /login?operation=…: where a service's OpenID Connect request sends the browser, and where its
// back end sends it to approve something. It talks to the server by PUT /authn alone and carries no secret: the cookie
// that binds the operation to this browser is the server's, and what the phone approves goes from server to server.
import { define } from '../sdk/src/element/component.js';
import { button, h } from '../sdk/src/element/dom.js';
import { endView, isEnd } from '../sdk/src/element/endview.js';
import { makeStage } from '../sdk/src/element/stage.js';
import type { Stage } from '../sdk/src/element/stage.js';
import { chooseLanguage, wishesOf } from '../sdk/src/element/texts.js';
import type { Scene, View } from '../sdk/src/element/view.js';
import type { LoginState, StateChange } from '../sdk/src/types.js';
import { authnClient } from './authn.js';
import { consentStyles } from './consent.js';
import { makeFlow } from './flow.js';
import type { DeviceLogin, Flow, Screen } from './flow.js';
import { offlineStyles } from './offline.js';
import { rememberedID } from './remembered.js';
import { reviewStyles, reviewView, titleOf } from './review.js';
import { scopeStyles } from './scopes.js';
import { backWords, busyView, fieldStyles, identifyView, notYoursView } from './views.js';

/** What the server wrote into the page. */
interface Page {
  readonly main: HTMLElement;
  readonly operation: string;
  readonly issuer: string;
  readonly scene: Scene;
  /** Whether no page of the service's follows. */
  readonly endsHere: boolean;
}

function readPage(main: HTMLElement): Page {
  const { operation = '', issuer = location.origin, lang, serviceName = '', logo = '', approval, endsHere } = main.dataset;
  const brand = { service: serviceName, logo, ask: '', approval: approval !== undefined, headingLevel: 1, demo: false, endsHere: false };
  return { main, operation, issuer: issuer.replace(/\/+$/, ''), scene: { ...chooseLanguage([lang, ...wishesOf(main)]), brand }, endsHere: endsHere !== undefined };
}

/** Puts a stage for views into a place of its own, which the login element takes the place of and gives back. */
function makePlace({ main, scene }: Page): { stage: Stage; show(view: View): void } {
  const place = h('div');
  const stage = makeStage(place);
  stage.speak(scene);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(fieldStyles + reviewStyles + offlineStyles + consentStyles + scopeStyles);
  place.shadowRoot?.adoptedStyleSheets.push(sheet);
  setInterval(() => stage.current?.tick?.(), 250);
  const show = (view: View): void => {
    if (place.parentNode !== main) main.replaceChildren(place);
    stage.show(view);
  };
  return { stage, show };
}

/** Builds the login of the device step. */
function loginElement({ operation, issuer, scene }: Page, { start, form }: DeviceLogin, flow: Flow): HTMLElement {
  const { brand, tag } = scene;
  // The nonce goes nowhere, for startSession asks by itself: it keeps the session of another operation, left behind in
  // this tab, from being taken for this one's.
  const element = h('countersign-login', { issuer, lang: tag, 'service-name': brand.service, logo: brand.logo || undefined,
    ask: brand.approval && titleOf(form), approval: brand.approval, 'heading-level': 1, 'client-nonce': operation, 'same-device': true, 'back-cancels': true });
  element.startSession = start;
  element.addEventListener('countersign-approved', () => void flow.approved());
  element.addEventListener('countersign-ended', (event) => void flow.ended((event as CustomEvent<LoginState>).detail));
  return element;
}

function makeScreen(page: Page, flow: () => Flow): Screen {
  const { main, scene, endsHere } = page;
  const { t } = scene;
  const { show } = makePlace(page);
  const device = (login: DeviceLogin): void => {
    const { back, others } = login;
    const element = loginElement(page, login, flow());
    const way = back && button(back, 'quiet', t(back === 'notYou' ? 'notYou' : 'useID'), () => flow().back());
    // A login that has ended has no Cancel of its own, but the service waits until it is told.
    const goBack = button('go-back', 'quiet', endsHere ? t('cancel') : backWords(scene), () => void flow().cancel());
    goBack.hidden = true;
    element.addEventListener('countersign-state', (event) => {
      const { state } = (event as CustomEvent<StateChange>).detail;
      goBack.hidden = !isEnd(state) || state.name === 'approved';
    });
    const ways = others.map(({ id, label }) => button(`take-${id}`, 'quiet', label, () => flow().take(id)));
    main.replaceChildren(element, h('p', { class: 'other-way' }, ...ways, way, goBack));
  };
  return {
    device,
    show: (make) => show(make(scene)),
    busy: () => show(busyView(scene)),
    identify: (question) => show(identifyView(scene, {
      identify: (name) => void flow().identify(name), scan: () => flow().scan(), passkey: () => flow().take('passkey'), forget: () => flow().forget(), cancel: () => void flow().cancel(),
    }, question)),
    review: (question) => show(reviewView(scene, {
      choose: (method) => void flow().choose(method), back: () => flow().back(), cancel: () => void flow().cancel(),
    }, question)),
    notYours: () => show(notYoursView(scene)),
    ended: (state, to) => {
      if (isEnd(state)) show(endView(scene, state, () => {}, { to, text: typeof to === 'string' && !endsHere ? backWords(scene) : t('identifyContinue') }));
    },
    trouble: (error, again) => show(endView(scene, { name: 'failed', error }, again)),
    // Replaced, so that Back does not lead into a login that is over.
    leave: (target) => location.replace(target),
  };
}

function run(main: HTMLElement): void {
  const page = readPage(main);
  const { issuer, operation, scene } = page;
  const authn = authnClient({ issuer, operation, language: scene.tag });
  let flow: Flow | undefined;
  const screen = makeScreen(page, () => flow as Flow);
  if (operation === '') return screen.notYours();
  flow = makeFlow({ authn, screen, issuer, remembered: rememberedID });
  void flow.begin();
  // A page out of the back/forward cache shows what was; only the server knows what is.
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
}

const main = document.getElementById('login');
if (main) {
  define();
  run(main);
}
