/**
 * Changing the phone's key, so that it can be interrupted anywhere: both keys are kept until it is known which one the
 * server holds.
 */
import type { Client } from './client.js';
import { newKeys } from './protocol.js';
import { Problem } from './problem.js';
import type { Enrolment, KeyStore } from './keys.js';

/** What changing a key needs. */
export interface RotationTools {
  readonly client: Client;
  readonly store: KeyStore;
  /** This machine's clock, in milliseconds. */
  readonly now: () => number;
}

// A request that got lost may still arrive: it is good until its timestamp is 30 s old, whose clock may be 30 s off.
const canStillArrive = 90_000;

/**
 * Makes a new key and puts it in the place of the present one. Resolves with the enrolment as it is then; rejects when
 * the server refused (the old key stays), or when it is not known what it did (both stay, see {@link settle}).
 */
export async function rotate(tools: RotationTools, enrolment: Enrolment): Promise<Enrolment> {
  const settled = await settle(tools, enrolment);
  // A change that may still come about is sent again rather than raced by another one.
  const next = settled.next ?? (await newKeys());
  // Kept before it is sent: were the app closed now, the server could hold a key that nobody has.
  const both: Enrolment = { ...settled, next, nextSent: tools.now() };
  await tools.store.save(both);
  try {
    await tools.client.rotate(both, next);
  } catch (error) {
    if (isRefusal(error)) {
      await keep(tools, both, both.keys);
      throw error;
    }
    const known = await settle(tools, both);
    if (known.keys !== next) throw error;
    return known;
  }
  return keep(tools, both, next);
}

/**
 * Finds out which key the server holds if an earlier rotation left that open, by signing a harmless request with each.
 * The old key's being good proves nothing while the change may still arrive, so then both stay. Rejects, changing
 * nothing, when the server cannot be asked.
 */
export async function settle(tools: RotationTools, enrolment: Enrolment): Promise<Enrolment> {
  const { next, nextSent } = enrolment;
  if (next === undefined) return enrolment;
  if (await works(tools.client, enrolment, next)) return keep(tools, enrolment, next);
  if (tools.now() - (nextSent ?? 0) < canStillArrive) return enrolment;
  if (await works(tools.client, enrolment, enrolment.keys)) return keep(tools, enrolment, enrolment.keys);
  return enrolment; // neither: the device is revoked, which the next request will say
}

/** Whether the server has certainly not taken the key. These two it also says when an earlier try has come through. */
function isRefusal(error: unknown): boolean {
  return error instanceof Problem && error.members.status < 500 && error.code !== 'invalid_signature' && error.code !== 'already_enrolled';
}

async function works(client: Client, enrolment: Enrolment, keys: CryptoKeyPair): Promise<boolean> {
  try {
    await client.list({ ...enrolment, keys });
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.code === 'invalid_signature' || error.code === 'unknown_device') return false;
    // The server looks at the signature before it looks for these, so they prove the key as well as an answer would.
    if (error.code === 'locked' || error.code === 'replayed') return true;
    throw error;
  }
}

async function keep(tools: RotationTools, enrolment: Enrolment, keys: CryptoKeyPair): Promise<Enrolment> {
  const { next: _next, nextSent: _sent, offline, ...rest } = enrolment;
  // What was agreed on with the old key ends with it, and is agreed on anew.
  const settled: Enrolment = { ...rest, keys, ...(offline === undefined || keys !== enrolment.keys ? {} : { offline }) };
  await tools.store.save(settled);
  return settled;
}
