/**
 * Agreeing on what this phone works with when it has no network: at its enrolment, and after that whenever it is missing
 * and the server can be reached.
 */
import type { Client } from './client.js';
import type { App, AppState } from './context.js';
import { Problem } from './problem.js';

/** Agreeing, as {@link createAgreement} makes it. */
export interface Agreement {
  /** Agrees if nothing was agreed on. Never rejects: what fails is tried again when the network comes back. */
  agree(): Promise<void>;
  /** Lets a server that has refused be asked again. */
  renew(): void;
}

/** Makes the agreement of one phone. */
export function createAgreement(client: Client, state: Pick<AppState, 'enrolment'>, change: App['change']): Agreement {
  let refused = false;
  let running: Promise<unknown> | undefined;
  const missing = (): boolean => state.enrolment !== undefined && state.enrolment.offline === undefined;
  const once = (): Promise<unknown> => change(async (present) => {
    if (present.offline !== undefined) return present; // another tab was quicker
    return { ...present, offline: await client.agreeOffline(present) };
  }).catch((error: unknown) => {
    refused = error instanceof Problem; // a server that does not know of this is not asked every few seconds
  });
  return {
    agree: async () => {
      if (refused || !missing()) return;
      running ??= once().finally(() => (running = undefined));
      await running;
    },
    renew: () => (refused = false),
  };
}
