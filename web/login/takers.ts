// The methods that are taken in the page itself. Each is a file of its own, and knows none of the others.
import type { Scene, View } from '../sdk/src/element/view.js';
import type { Answer, Authn, Method, Present } from './authn.js';
import { hasPasskeys } from './ceremony.js';
import { byMessage } from './message.js';
import { consent } from './consent.js';
import { offline } from './offline.js';
import { passkey } from './passkey.js';
import { passkeyAdd } from './passkeyadd.js';
import type { Choice } from './scopes.js';

/** What a method of the page works with. */
export interface Course {
  readonly authn: Authn;
  /** What the service is given by the answer, if it gives anything. */
  readonly scopes: Choice;
  /** What else takes the step. */
  readonly others: readonly Method[];
  /** Leads back to the question who it is, if that may still be told. */
  readonly back: (() => void) | undefined;
  /** What that way is called. */
  readonly backText: 'notYou' | 'useID';
  /** Whether the user has just asked for this method, and was not only led to it. */
  readonly pressed: boolean;
  /** Shows a view in the place of what was there. */
  show(make: (scene: Scene) => View): void;
  busy(): void;
  /** Goes where an answer leads: to a step, or a location. False if it is for who asked. */
  follow(answer: Answer): boolean;
  /** Does something; if there is no answer, shows that, with a way to try again. */
  attempt(act: () => Promise<void>): Promise<void>;
  /** Asks where the operation stands, and shows it. */
  again(): Promise<void>;
  /** Takes the step by another method. */
  take(method: string): void;
  cancel(): void;
}

/** Begins to take a step. */
export type Taker = (course: Course, step: Present) => Promise<void>;

/** By the names of the methods. */
export const takers: Readonly<Record<string, Taker>> = { consent, message: byMessage, offline, passkey, passkey_add: passkeyAdd };

/** Whether the page can take a step by a method. */
export function takes(method: string): boolean {
  return method === 'device' || method in takers && (method !== 'passkey' || hasPasskeys());
}
