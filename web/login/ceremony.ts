// What the two methods share that an authenticator of the browser takes (WebAuthn): the view with its button, one
// ceremony at a time, and bytes as JSON has them.
import { button, h, setText } from '../sdk/src/element/dom.js';
import { frame, purpose } from '../sdk/src/element/view.js';
import type { Scene, View } from '../sdk/src/element/view.js';
import type { TextKey, Translate } from '../sdk/src/element/texts.js';
import { base64url } from '../sdk/src/bytes.js';
import type { Members } from './authn.js';
import { wayOut } from './codeview.js';
import { titleOf } from './review.js';
import { granted, scopesOf, scopesSaid } from './scopes.js';
import type { Course, Taker } from './takers.js';

/** What an authenticator is asked to do. */
export interface Ceremony {
  /** The method. */
  readonly method: string;
  readonly help: TextKey;
  /** On the button: browsers want the user to have pressed something. */
  readonly use: TextKey;
  /** When it did not happen: cancelled, or nothing there to do it. Browsers do not tell which. */
  readonly none: TextKey;
  /** When the authenticator has one already. */
  readonly known: TextKey;
  /** Asks it, by the server's options; gives what the server is answered. */
  sign(options: Members, signal: AbortSignal): Promise<object>;
}

/** Whether the browser can do any of this. */
export function hasPasskeys(): boolean {
  return 'PublicKeyCredential' in globalThis && 'credentials' in navigator;
}

/** Takes a step by an authenticator. */
export function takenBy(ceremony: Ceremony): Taker {
  return (course, step) => {
    let running: AbortController | undefined;
    const releases = course.scopes.asked.length > 0;
    const leaving = <A extends unknown[]>(act: (...a: A) => void) => (...a: A): void => {
      running?.abort();
      act(...a);
    };
    const out: Course = { ...course, back: course.back && leaving(course.back), take: leaving(course.take), cancel: leaving(course.cancel) };
    const show = (failed: Words, again = true): void => course.show((scene) => view(scene, ceremony, out, step.form, failed, again ? press : undefined));
    const once = async (signal: AbortSignal): Promise<void> => {
      const asked = await course.authn.ask('start', { method: ceremony.method }, signal);
      if (asked.kind === 'failure') return show(() => asked.message);
      if (asked.kind !== 'told') return course.follow(asked) ? undefined : course.again();
      const assertion = await signed(ceremony, asked.data['publicKey'], signal);
      if (signal.aborted) return;
      if (typeof assertion === 'string') return show((t) => t(assertion));
      const answer = await course.authn.ask('verify', { assertion, ...(releases ? { grantedScopes: granted(course.scopes) } : {}) }, signal);
      if (answer.kind === 'failure') return show(() => answer.message, answer.remaining !== 0);
      if (answer.kind === 'unknown' || !course.follow(answer)) await course.again();
    };
    const run = async (): Promise<void> => {
      if (running !== undefined) return;
      const { signal } = running = new AbortController();
      show(() => ''); // what went wrong before is over
      try {
        await once(signal);
      } catch (e) {
        if (!signal.aborted) throw e; // who has left is not told
      } finally {
        running = undefined;
      }
    };
    const press = (): void => void course.attempt(run);
    const can = hasPasskeys();
    show((t) => can ? '' : t('passkeyCannot'), can);
    // What is given has to be seen first.
    return course.pressed && can && !releases ? run() : Promise.resolve();
  };
}

/** Words for the user, in the page's language. */
type Words = (t: Translate) => string;

/** What the authenticator says, or why it says nothing. */
async function signed(ceremony: Ceremony, options: unknown, signal: AbortSignal): Promise<object | TextKey> {
  try {
    return await ceremony.sign(typeof options === 'object' && options !== null ? options as Members : {}, signal);
  } catch (e) {
    return e instanceof DOMException && e.name === 'InvalidStateError' ? ceremony.known : ceremony.none;
  }
}

function view(plain: Scene, { method, help, use }: Ceremony, course: Course, form: unknown, failed: Words, run: (() => void) | undefined): View {
  const scene = { ...plain, brand: { ...plain.brand, ask: titleOf(form) } };
  const { t } = scene;
  const wrong = h('p', { part: 'message message-failed', class: 'message failed', role: 'alert' });
  setText(wrong, failed(t));
  const { panel, heading } = frame(scene, method, purpose(scene), scopesOf(scene, course.scopes),
    h('p', { part: 'text help', class: 'help' }, t(help)), h('div', { class: 'trouble' }, wrong),
    run !== undefined && h('div', { class: 'choices' }, button('use', 'primary', t(use), run)), wayOut(scene, course));
  return { key: method, panel, heading, announcement: `${purpose(scene)}. ${scopesSaid(scene, course.scopes)} ${t(help)} ${failed(t)}` };
}

/** Bytes that the server wrote as base64url. */
export function bytesOf(text: unknown): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(String(text).replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
}

/** Bytes as the server reads them. */
export function textOf(bytes: ArrayBuffer): string {
  return base64url(new Uint8Array(bytes));
}

/** Options with the lists of authenticators' names as browsers want them. */
export function named(list: unknown): PublicKeyCredentialDescriptor[] {
  return Array.isArray(list) ? list.map((x: Members) => ({ type: 'public-key', id: bytesOf(x['id']) })) : [];
}
