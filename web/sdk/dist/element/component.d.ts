import type { LoginState, Started } from '../index.js';
/** Starts a session some other way than from the page; see `LoginOptions.start`. */
export type StartSession = (challenge: string, signal: AbortSignal) => Promise<Started>;
declare const Base: {
    new (): HTMLElement;
    prototype: HTMLElement;
};
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
export declare class CountersignLogin extends Base {
    #private;
    /** The attributes that are followed while the element is in the page; the others count at the next start. */
    static readonly observedAttributes: readonly string[];
    /** Set this before the element is in the page, or call `start()` after setting it. */
    get startSession(): StartSession | undefined;
    set startSession(start: StartSession | undefined);
    /** Where the login stands; `starting` before it was started. */
    get state(): LoginState;
    /** Starts a login unless one is under way. */
    start(): void;
    /** Gives the login up. */
    cancel(): void;
    connectedCallback(): void;
    disconnectedCallback(): void;
    attributeChangedCallback(name: string, before: string | null, now: string | null): void;
}
/** Makes the browser know the element, once. */
export declare function define(name?: string): void;
export {};
