/**
 * Sends decisions so that a lost answer loses nothing: the identical request is sent again, which the server answers
 * identically if it was the one that decided the session.
 */
import type { Client, Signer } from './client.js';
import type { Choice, Claimed } from './decision.js';
import { NoAnswer, Problem } from './problem.js';
import type { Sealed } from './sending.js';

/** What the server made of a decision. `returnUrl` after a hand-over only. */
export interface Decided {
  readonly status: 'approved' | 'denied' | 'reported';
  readonly sessionId: string;
  readonly returnUrl?: string;
}

/** Sends one decision. Rejects with a Problem, or with NoAnswer when even the repeats were not answered. */
export type Decide = (choice: Choice) => Promise<Decided>;

// How long to wait before each repeat; over by the time a user would have pressed again.
const pauses = [700, 2000];

/** Makes the sender of decisions about one claimed session; `signer` is asked each time, as the key may change. */
export function createDecide(client: Client, signer: () => Signer, claimed: Claimed, wait: (ms: number) => Promise<void>): Decide {
  let unanswered: { readonly key: string; readonly sealed: Sealed } | undefined;
  return async (choice) => {
    const key = JSON.stringify(choice);
    const before = unanswered?.key === key ? unanswered.sealed : undefined;
    let sealed = before ?? (await client.sealVerify(signer(), claimed, choice));
    for (let corrected = false; ; corrected = true) {
      unanswered = { key, sealed };
      try {
        const decided = await sendOrRepeat(client, sealed, wait);
        unanswered = undefined;
        return decided;
      } catch (error) {
        if (isUnknown(error)) throw new NoAnswer(error);
        unanswered = undefined;
        // A stale request decided nothing, so it may be signed anew; so may a repeat that was too old by then.
        if (corrected || !client.correctClock(error)) throw error;
        sealed = await client.sealVerify(signer(), claimed, choice);
      }
    }
  };
}

async function sendOrRepeat(client: Client, sealed: Sealed, wait: (ms: number) => Promise<void>): Promise<Decided> {
  for (const pause of pauses) {
    try {
      return await client.deliver<Decided>(sealed);
    } catch (error) {
      if (!isUnknown(error)) throw error;
      await wait(pause);
    }
  }
  return client.deliver<Decided>(sealed);
}

/** Whether the request may have been carried out all the same: nothing was heard, or the server failed on the way. */
function isUnknown(error: unknown): boolean {
  return error instanceof NoAnswer || (error instanceof Problem && error.members.status >= 500);
}
