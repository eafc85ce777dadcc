// <countersign-login>: follows a login and shows each of its states as one clear view.
import { pageToResume } from '../handover.js';
import { finishReturn, qrSVG, startLogin } from '../index.js';
import type { Login, LoginOptions, LoginState, Mode, Started, StateChange } from '../index.js';
import { watchBack } from './back.js';
import type { BackWatch } from './back.js';
import { demoLogin, demoReturn } from './demo.js';
import { endView, isEnd } from './endview.js';
import { claimedView, elsewhereView, keyOf, pendingView, startingView } from './openview.js';
import type { Conduct } from './openview.js';
import { returnView } from './returnview.js';
import type { Arrival } from './returnview.js';
import { makeStage } from './stage.js';
import type { Stage } from './stage.js';
import { chooseLanguage, wishesOf } from './texts.js';
import type { Language } from './texts.js';
import type { Scene, View } from './view.js';

/** Starts a session some other way than from the page; see `LoginOptions.start`. */
export type StartSession = (challenge: string, signal: AbortSignal) => Promise<Started>;

// Where there is no DOM, as when a page is rendered on a server, the class must still be importable.
const Base = globalThis.HTMLElement ?? (class {} as unknown as typeof HTMLElement);

const appearance = ['lang', 'service-name', 'logo', 'ask', 'approval', 'heading-level'];
const ticksEvery = 250;
const returning = '#countersign-return=';

/**
 * The login as an element.
 *
 * Attributes: `issuer` (default: this page's origin), `service`, `token-id`, `scopes` (separated by spaces), `mode`,
 * `client-nonce`; `lang`, `service-name`, `logo`, `ask` (what is to be approved, if not a login), `approval` (it is no
 * login, though `ask` does not say what it is), `heading-level` (default 2), `theme` (`light` or `dark`; default: as the
 * user's system); `same-device` (`false` switches it off),
 * `autostart` (`false`: wait for `start()`), `back-cancels`, `ends-here` (nothing follows an approval on this page), `debug`, and `demo` (one of `demoStates`).
 *
 * Events, all bubbling and composed: `countersign-state` (detail: StateChange), `countersign-approved` (detail:
 * LoginResult), `countersign-ended` (detail: the state; every end but approval). A demo fires `countersign-state` only.
 */
export class CountersignLogin extends Base {
  /** The attributes that are followed while the element is in the page; the others count at the next start. */
  static readonly observedAttributes: readonly string[] = [...appearance, 'demo'];

  #stage: Stage | undefined;
  #language: Language | undefined;
  #login: Login | undefined;
  #back: BackWatch | undefined;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #startSession: StartSession | undefined;
  #arrival: Arrival | undefined;
  #isLive = false;
  /** Whether it is clear that this page is to start a login, and does not come back from one. */
  #isSettled = false;

  /** Set this before the element is in the page, or call `start()` after setting it. */
  get startSession(): StartSession | undefined { return this.#startSession; }
  set startSession(start: StartSession | undefined) {
    this.#startSession = start;
    if (this.#isSettled && this.#login === undefined && this.#arrival === undefined) this.#autostart();
  }

  /** Where the login stands; `starting` before it was started. */
  get state(): LoginState { return this.#login?.state ?? { name: 'starting' }; }

  /** Starts a login unless one is under way. */
  start(): void {
    if (this.#login && !isEnd(this.#login.state)) return;
    this.#arrival = undefined;
    this.#follow(startLogin(this.#options()));
  }

  /** Gives the login up. */
  cancel(): void { this.#login?.cancel(); }

  connectedCallback(): void {
    if (this.#isLive) return;
    this.#isLive = true;
    this.#stage ??= makeStage(this);
    if (this.hasAttribute('back-cancels')) this.#back = watchBack(() => this.#cancelByBack());
    this.#ticking = setInterval(() => this.#stage?.current?.tick?.(), ticksEvery);
    // A framework may set attributes and properties just after it put the element into the page.
    queueMicrotask(() => { if (this.#isLive) void this.#begin(); });
  }

  disconnectedCallback(): void {
    // An element that is only moved is back in the page at once, and its login goes on.
    queueMicrotask(() => { if (!this.isConnected) this.#end(); });
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (!this.#isLive || before === now) return;
    if (name === 'demo') void this.#begin();
    else this.#redraw();
  }

  async #begin(): Promise<void> {
    const demo = this.getAttribute('demo');
    if (demo !== null) return this.#play(demo);
    if (location.hash.startsWith(returning) && await this.#comeBack()) return;
    // Taken out of the page meanwhile: nobody would see the login.
    if (this.#isLive) this.#autostart();
  }

  /** Deals with the browser's coming back from an app; false when this tab is the one that has to go on. */
  async #comeBack(): Promise<boolean> {
    const sessionId = location.hash.slice(returning.length).split('.')[0] ?? '';
    const returned = await finishReturn(location);
    const here = location.pathname + location.search;
    // The code in the address has done its work, or never will; nobody should find it in the history.
    history.replaceState(history.state, '', here);
    // With a page to resume, the app took the login's place in this very tab: that page goes on, and finds the code.
    const page = returned === 'waiting' || returned === 'none' ? pageToResume(sessionId) : undefined;
    if (page === location.origin + here) return false;
    if (page === undefined) this.#arrive(returned === 'none' ? 'incomplete' : returned);
    else location.replace(page);
    return true;
  }

  #play(name: string): void {
    this.#arrival = demoReturn(name);
    if (this.#arrival) this.#arrive(this.#arrival);
    else this.#follow(demoLogin(name));
  }

  #autostart(): void {
    this.#isSettled = true;
    const canStart = this.hasAttribute('service') || this.#startSession !== undefined;
    if (canStart && this.getAttribute('autostart') !== 'false') this.start();
  }

  #arrive(arrival: Arrival): void {
    this.#arrival = arrival;
    this.#stage?.speak(this.#speak());
    this.#stage?.show(returnView(this.#scene(), arrival, () => this.#again()));
  }

  #again(): void {
    if (this.hasAttribute('demo')) this.#follow(demoLogin('pending'));
    else this.start();
  }

  #follow(login: Login): void {
    this.#arrival = undefined;
    this.#login?.removeEventListener('state', this.#changed);
    this.#login = login;
    login.addEventListener('state', this.#changed);
    this.#stage?.speak(this.#speak());
    this.#render(login.state, true);
  }

  readonly #changed = (event: Event): void => {
    const change = (event as CustomEvent<StateChange>).detail;
    this.#render(change.state);
    this.#tell('countersign-state', change);
    if (!isEnd(change.state) || this.hasAttribute('demo')) return;
    if (change.state.name === 'approved') this.#tell('countersign-approved', change.state.result);
    else this.#tell('countersign-ended', change.state);
  };

  #tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** Shows the state, in the view that is there if it is this session's; that of a login before is never reused. */
  #render(state: LoginState, isNew = false): void {
    if (state.name === 'pending') this.#back?.arm();
    const current = this.#stage?.current;
    if (!isNew && current?.update && current.key === keyOf(state)) current.update(state);
    else this.#stage?.show(this.#view(state));
  }

  #redraw(): void {
    this.#language = undefined;
    this.#stage?.speak(this.#speak());
    if (this.#arrival) this.#arrive(this.#arrival);
    else if (this.#login) this.#stage?.show(this.#view(this.#login.state));
  }

  #view(state: LoginState): View {
    const scene = this.#scene();
    switch (state.name) {
      case 'starting': return startingView(scene, this.#conduct());
      case 'pending': return pendingView(scene, this.#conduct(), state);
      case 'claimed': return claimedView(scene, this.#conduct(), state);
      case 'elsewhere': return elsewhereView(scene, this.#conduct(), state);
      default: return endView(scene, state, () => this.#again());
    }
  }

  #conduct(): Conduct {
    const login = this.#login;
    return {
      cancel: () => login?.cancel(),
      restart: () => login?.restart(),
      takeBack: () => login?.takeBack(),
      handedOver: () => login?.handedOver(),
      qrText: () => login?.qrText() ?? Promise.resolve(''),
      handoverLink: () => (this.getAttribute('same-device') === 'false' ? undefined : login?.handoverLink()) ?? Promise.resolve(''),
      paintQR: (text) => qrSVG(text, this.ownerDocument),
      announce: (text) => this.#stage?.announce(text),
      handy: this.getAttribute('demo') === 'same-device' || matchMedia('(pointer: coarse)').matches,
    };
  }

  #speak(): Language { return this.#language ??= chooseLanguage(wishesOf(this)); }

  #scene(): Scene {
    const text = (name: string): string => this.getAttribute(name)?.trim() ?? '';
    return {
      ...this.#speak(),
      brand: {
        service: text('service-name'), logo: text('logo'), ask: text('ask'), approval: text('ask') !== '' || this.hasAttribute('approval'),
        headingLevel: Number(text('heading-level') || 2), demo: this.hasAttribute('demo'),
        endsHere: this.hasAttribute('ends-here'),
      },
    };
  }

  #options(): LoginOptions {
    const text = (name: string): string | undefined => this.getAttribute(name)?.trim() || undefined;
    const options: LoginOptions = { issuer: text('issuer') ?? location.origin, debug: this.hasAttribute('debug') };
    const [service, tokenId, nonce, scopes, mode] = [text('service'), text('token-id'), text('client-nonce'), text('scopes'), text('mode')];
    if (service !== undefined) options.serviceId = service;
    if (tokenId !== undefined) options.tokenId = tokenId;
    if (nonce !== undefined) options.clientNonce = nonce;
    if (scopes !== undefined) options.scopes = scopes.split(/\s+/);
    // An unknown mode is the server's to refuse.
    if (mode !== undefined) options.mode = mode as Mode;
    if (this.#startSession) options.start = this.#startSession;
    if (this.hasAttribute('same-device')) options.sameDevice = this.getAttribute('same-device') !== 'false';
    return options;
  }

  #cancelByBack(): boolean {
    const login = this.#login;
    if (!login || isEnd(login.state)) return false;
    login.cancel();
    return true;
  }

  #end(): void {
    if (!this.#isLive) return;
    this.#isLive = false;
    this.#isSettled = false;
    clearInterval(this.#ticking);
    this.#back?.stop();
    this.#back = undefined;
    const login = this.#login;
    this.#login = undefined;
    login?.removeEventListener('state', this.#changed);
    // Nobody can see it any more, so nobody should be asked to approve it; unless another tab shows it.
    if (login && !isEnd(login.state) && login.state.name !== 'elsewhere') login.cancel();
    this.#stage?.clear();
  }
}

/** Makes the browser know the element, once. */
export function define(name = 'countersign-login'): void {
  if (globalThis.customElements && !customElements.get(name)) customElements.define(name, CountersignLogin);
}
