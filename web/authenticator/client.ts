/**
 * The server as a phone sees it: one function for each request of the protocol's section 5.
 */
import { agreed, asPublic, newAgreement } from './offline.js';
import type { Offline } from './offline.js';
import { publicJWK, sha256, sign, thumbprint } from './protocol.js';
import type { PublicJWK, Purpose, Verb } from './protocol.js';
import { verification } from './decision.js';
import type { Choice, Claimed } from './decision.js';
import { createSending } from './sending.js';
import type { Sealed, SendingOptions } from './sending.js';

/** Who signs: an enrolment has these. */
export interface Signer {
  readonly issuer: string;
  readonly tokenId: string;
  readonly deviceId: string;
  readonly keys: CryptoKeyPair;
}

/** A session that waits. `autoPassword` in mode compare only. */
export interface Pending {
  readonly sessionId: string;
  readonly serviceName: string;
  readonly mode: string;
  readonly expiresAt: string;
  readonly autoPassword?: string;
}

/** A device of the identity. `current` is the one that asks. */
export interface Device {
  readonly deviceId: string;
  readonly deviceName: string;
  readonly platform: string;
  readonly createdAt: string;
  readonly current: boolean;
  /** It is woken while its app is closed. */
  readonly push?: boolean;
}

/** What the identity has: its devices, and the ways to approve that it has switched off. */
export interface Listed {
  readonly devices: readonly Device[];
  readonly off: readonly string[];
  /** What a browser subscribes to pushes with; a server of before has none. */
  readonly pushKey?: string;
}

/** What is put into an enrolment. The code may be empty where the server lets anybody in. */
export interface Enrolling {
  readonly issuer: string;
  readonly code: string;
  readonly keys: CryptoKeyPair;
  readonly deviceName: string;
  readonly platform: string;
}

/** What an enrolment is answered. */
export interface Enrolled {
  readonly tokenId: string;
  readonly deviceId: string;
  readonly createdAt: string;
}

/** What a claim is answered: the text to show, its hash as the server says it, and the deadline. */
export interface Opened {
  readonly display: string;
  readonly displayHash: string;
  readonly expiresAt: string;
}

/** The server. Every promise may reject with a Problem or with NoAnswer. */
export interface Client {
  enrol(enrolling: Enrolling): Promise<Enrolled>;
  pending(signer: Signer): Promise<readonly Pending[]>;
  claim(signer: Signer, sessionId: string, scan: string): Promise<Opened>;
  /** Seals a decision; it is sent with `deliver`, and repeated as it is when no answer comes. */
  sealVerify(signer: Signer, claimed: Claimed, choice: Choice): Promise<Sealed>;
  deliver<T>(sealed: Sealed): Promise<T>;
  correctClock(error: unknown): boolean;
  list(signer: Signer): Promise<Listed>;
  rename(signer: Signer, name: string): Promise<{ deviceName: string }>;
  revoke(signer: Signer, deviceId: string): Promise<unknown>;
  lock(signer: Signer, hours: number): Promise<{ lockedUntil: string }>;
  /** Switches these ways to approve off, and all others on. */
  switchOff(signer: Signer, methods: readonly string[]): Promise<{ off: readonly string[] }>;
  /** Has this phone woken at a subscription, as the browser writes it; empty: not at all. */
  push(signer: Signer, subscription: string): Promise<unknown>;
  newCode(signer: Signer): Promise<{ enrollmentCode: string; expiresAt: string }>;
  /** Puts `next` in the place of the key. Both sign, so that nobody can put in a key that he does not have. */
  rotate(signer: Signer, next: CryptoKeyPair): Promise<unknown>;
  /** Agrees with the server on what this phone works with when it has no network, in the place of what was before. */
  agreeOffline(signer: Signer): Promise<Offline>;
  /** The first message of /ws/device. */
  hello(signer: Signer): Promise<string>;
  left(time: string): number;
}

/** Makes the client of one server. */
export function createClient(options: SendingOptions): Client {
  const { seal, ask, deliver, correctClock, left } = createSending(options);

  const sealAs = ({ issuer, tokenId, deviceId, keys }: Signer, path: string, purpose: Purpose, lines: readonly string[], members: object = {}): Promise<Sealed> =>
    seal({ path, purpose, issuer, key: keys.privateKey, lines, members: { ...members, tokenId, deviceId } });
  const sealVerb = (signer: Signer, verb: Verb, argument: string, members: object = {}): Promise<Sealed> =>
    sealAs(signer, `/device/${verb}`, `device-${verb}`, [signer.tokenId, signer.deviceId, argument], { ...members, argument });
  const verb = <T>(signer: Signer, name: Verb, argument: string): Promise<T> => ask<T>(() => sealVerb(signer, name, argument));

  return {
    deliver, correctClock, left,
    enrol: async ({ issuer, code, keys, deviceName, platform }) => {
      const publicKeyJwk = await publicJWK(keys.publicKey);
      const lines = [code, await thumbprint(publicKeyJwk)];
      const members = { enrollmentCode: code, publicKeyJwk, deviceName, platform };
      return ask(() => seal({ path: '/enroll', purpose: 'enroll', issuer, key: keys.privateKey, lines, members }));
    },
    pending: async (s) => (await ask<{ sessions: Pending[] }>(() => sealAs(s, '/auth/pending', 'pending', [s.tokenId, s.deviceId]))).sessions,
    claim: (s, sessionId, scan) => ask(() => sealAs(s, '/auth/claim', 'claim', [sessionId, s.tokenId, s.deviceId, scan], { sessionId, scan })),
    sealVerify: (s, claimed, choice) => {
      const { lines, members } = verification(claimed, s.tokenId, s.deviceId, choice);
      return sealAs(s, '/auth/verify', 'verify', lines, members);
    },
    list: async (s) => ({ off: [], ...(await verb<Partial<Listed> & Pick<Listed, 'devices'>>(s, 'list', '')) }), // a server of before tells no ways
    rename: (s, name) => verb(s, 'rename', name),
    revoke: (s, deviceId) => verb(s, 'revoke', deviceId),
    lock: (s, hours) => verb(s, 'lock', String(hours)),
    switchOff: (s, methods) => verb(s, 'methods', [...methods].sort().join(' ')),
    push: async (s, subscription) => {
      const argument = await sha256(subscription);
      return ask(() => sealVerb(s, 'push', argument, { subscription }));
    },
    newCode: (s) => verb(s, 'code', ''),
    rotate: async (s, next) => {
      const publicKeyJwk = await publicJWK(next.publicKey);
      const argument = await thumbprint(publicKeyJwk);
      return ask(async () => {
        const sealed = await sealVerb(s, 'rotate', argument, { publicKeyJwk });
        return { ...sealed, body: { ...sealed.body, newSignature: await sign(next.privateKey, sealed.text) } };
      });
    },
    agreeOffline: async (s) => {
      const ours = await newAgreement();
      const publicKeyJwk = await asPublic(ours.publicKey);
      const argument = await thumbprint(publicKeyJwk);
      const answer = await ask<{ publicKeyJwk: PublicJWK; signingKeyJwk: PublicJWK }>(() => sealVerb(s, 'offline', argument, { publicKeyJwk }));
      return { codes: await agreed(ours.privateKey, answer.publicKeyJwk, s), signing: await asPublic(answer.signingKeyJwk) };
    },
    hello: async (s) => JSON.stringify((await sealAs(s, '/ws/device', 'device-ws', [s.tokenId, s.deviceId, ''])).body),
  };
}
