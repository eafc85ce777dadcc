/**
 * What all screens share: who this phone is, what waits for it, and the ways to change that.
 */
import { createAgreement } from './agree.js';
import type { Client, Pending } from './client.js';
import type { Enrolment, KeyStore, NewDevice } from './keys.js';
import { follow } from './live.js';
import type { Live, Way } from './live.js';
import { Problem } from './problem.js';
import { createPushes, thisBrowser } from './push.js';
import type { Pushes } from './push.js';
import { settle } from './rotate.js';
import type { RotationTools } from './rotate.js';
import type { Trace } from './sending.js';

/** The app as its screens see it. */
export interface App {
  readonly issuer: string;
  readonly client: Client;
  readonly store: KeyStore;
  readonly tools: RotationTools;
  readonly state: AppState;
  /** How this phone is woken while the app is closed. */
  readonly pushes: Pushes;
  /** Who this phone is; throws when it is nobody, which no screen but the enrolment is shown for. */
  me(): Enrolment;
  /** Has this phone ask something, and ask again if it turns out that the server holds its other key. */
  asMe<T>(ask: (me: Enrolment) => Promise<T>): Promise<T>;
  /** Changes the enrolment with no other change, in this tab or another, getting between. */
  change(change: (present: Enrolment) => Promise<Enrolment>): Promise<Enrolment>;
  /** Takes a session that has ended off the list. */
  drop(sessionId: string): void;
  /** Begins with a new enrolment. */
  join(enrolment: Enrolment): Promise<void>;
  /** Forgets the key of this phone for good. */
  forget(): Promise<void>;
  /** Looks whether the identity has devices this phone has not seen; throws what the request throws. */
  lookAtDevices(): Promise<void>;
  /** Agrees on what this phone works with when it has no network, unless it has that already. */
  agree(): Promise<void>;
  /** Tells whenever {@link AppState} changes; returns what ends it. */
  onChange(listener: () => void): () => void;
  /** Goes to a screen, also when it is the present one. */
  go(hash: string): void;
  /** Has a screen reader say something without moving the focus. */
  say(text: string): void;
  /** Changes the present screen's heading and focuses it. */
  retitle(title: string): void;
}

/** What changes while the app is open. */
export interface AppState {
  enrolment: Enrolment | undefined;
  waiting: readonly Pending[];
  way: Way | undefined;
  /** Why the server will have nothing to do with this phone. */
  refused: Problem | undefined;
  trace: Trace | undefined;
  /** What the camera read, by session. It is not in the address: opened as a link it would not count. */
  readonly scans: Map<string, string>;
  /** The text of a code for a phone without a network, as it was read. */
  question: string;
  /** Sessions that have ended here; the server's list may still have them for a moment. */
  readonly ended: Set<string>;
}

/** A screen: what to show, and how to clean up after it. */
export interface Screen {
  readonly title: string;
  readonly body: readonly Node[];
  leave?(): void;
}

/** The parts a page gives to {@link createApp}. */
export interface Surroundings {
  readonly issuer: string;
  readonly client: Client;
  readonly store: KeyStore;
  readonly state: AppState;
  go(hash: string): void;
  say(text: string): void;
  retitle(title: string): void;
}

/** Makes the app. It follows what waits once `start` or {@link App.join} has found out who this phone is. */
export function createApp(s: Surroundings): App & { start(ready: () => Promise<void>): Promise<void>; wake(): void } {
  const { issuer, client, store, state } = s;
  const tools: RotationTools = { client, store, now: Date.now };
  const listeners = new Set<() => void>();
  const update = (news: Partial<AppState>): void => {
    Object.assign(state, news);
    listeners.forEach((listener) => listener());
  };
  const { me, change, reload, tellOthers } = createEnrolments(s, update);
  let live: Live | undefined;

  const asMe: App['asMe'] = async (ask) => {
    try {
      return await ask(me());
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'invalid_signature' || me().next === undefined) throw error;
      await change((present) => settle(tools, present));
      return ask(me());
    }
  };

  const agreement = createAgreement(client, state, change);
  const pushes = createPushes(client, thisBrowser());
  const { lookAtDevices, deviceAdded } = createLookout(s, pushes, asMe, change);

  /** A refusal may only mean that the key has changed, in another tab or by a rotation whose answer got lost. */
  const recover = async (problem: Problem): Promise<void> => {
    const before = me().keys;
    if (problem.code === 'invalid_signature') await change((present) => settle(tools, present)).catch(() => undefined);
    if (state.enrolment === undefined) return;
    if (await sameKeys(state.enrolment.keys, before)) update({ refused: problem, waiting: [] });
    else followAnew();
  };

  const followAnew = (): void => {
    live?.close();
    state.refused = undefined;
    live = follow({
      url: `${issuer.replace(/^http/, 'ws')}/ws/device`, WebSocket,
      hello: () => client.hello(me()), pending: () => client.pending(me()), visible: () => document.visibilityState === 'visible',
      events: {
        sessions: (waiting) => update({ waiting: waiting.filter((w) => !state.ended.has(w.sessionId)), refused: undefined }), deviceAdded,
        way: (way) => {
          update({ way });
          if (way !== 'offline') void agreement.agree();
        },
        refused: (problem) => void (problem.code === 'unknown_device' || problem.code === 'invalid_signature' ? recover(problem) : update({ refused: problem, waiting: [] })),
      },
    });
  };

  return {
    ...s, tools, pushes, me, asMe, change, lookAtDevices, agree: agreement.agree,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    drop: (sessionId) => {
      state.ended.add(sessionId);
      update({ waiting: state.waiting.filter((w) => w.sessionId !== sessionId) });
    },
    join: async (enrolment) => {
      await store.save(enrolment);
      await reload();
      followAnew();
    },
    forget: async () => {
      live?.close();
      await pushes.end().catch(() => undefined); // the server has forgotten it
      await store.forget(issuer);
      Object.assign(state, { waiting: [], refused: undefined, trace: undefined, way: undefined });
      await reload();
      tellOthers();
    },
    start: async (ready) => {
      await reload();
      await ready();
      if (state.enrolment === undefined) return;
      followAnew();
      await change((present) => settle(tools, present)).catch(() => undefined); // asked again at the next start
      await lookAtDevices().catch(() => undefined);
    },
    wake: () => {
      agreement.renew();
      live?.wake();
    },
  };
}

const lockName = 'countersign-authenticator';

/** Who this phone is, in this tab and the others. */
function createEnrolments({ issuer, store, state }: Surroundings, update: (news: Partial<AppState>) => void) {
  // Another tab may change the key; whoever hears of it takes the new one from the store.
  const others = new BroadcastChannel(lockName);
  const tellOthers = (): void => others.postMessage('changed');
  const reload = async (): Promise<void> => update({ enrolment: await store.load(issuer) });
  const me = (): Enrolment => {
    if (state.enrolment === undefined) throw new Error('not enrolled');
    return state.enrolment;
  };
  const change: App['change'] = (act) => navigator.locks.request(lockName, async () => {
    const present = await store.load(issuer);
    if (present === undefined) throw new Error('this phone was forgotten in another tab');
    try {
      const next = await act(present);
      await store.save(next);
      return next;
    } finally {
      await reload(); // also after a failure: a rotation may have kept two keys
      tellOthers();
    }
  });
  others.onmessage = () => void reload();
  return { me, change, reload, tellOthers };
}

/** Notices devices that join the identity, also while this app is closed. */
function createLookout({ client, say }: Surroundings, pushes: Pushes, asMe: App['asMe'], change: App['change']) {
  const lookAtDevices = async (): Promise<void> => {
    const listed = await asMe((me) => client.list(me));
    const { devices } = listed;
    await asMe((me) => pushes.keep(me, listed)).catch(() => undefined); // tried again at the next start
    await change(async (present) => {
      const strangers = present.known === undefined ? [] : devices.filter((d) => !d.current && !present.known?.includes(d.deviceId));
      return { ...present, known: devices.map((d) => d.deviceId), news: withNews(present, strangers) };
    });
  };
  const deviceAdded = (device: NewDevice): void => {
    // The list knows the device's id, so that it is not news a second time; the frame is enough where it cannot be had.
    lookAtDevices().catch(() => change(async (present) => ({ ...present, news: withNews(present, [device]) }))).catch(() => undefined);
    say('Another device was added to your identity.');
  };
  return { lookAtDevices, deviceAdded };
}

function withNews(present: Enrolment, added: readonly NewDevice[]): readonly NewDevice[] {
  const news = [...(present.news ?? [])];
  for (const { deviceName, createdAt } of added) {
    if (!news.some((n) => n.deviceName === deviceName && n.createdAt === createdAt)) news.push({ deviceName, createdAt });
  }
  return news;
}

async function sameKeys(a: CryptoKeyPair, b: CryptoKeyPair): Promise<boolean> {
  // Keys out of IndexedDB are copies, so only what they hold can be compared.
  const [x, y] = await Promise.all([a, b].map((pair) => crypto.subtle.exportKey('jwk', pair.publicKey)));
  return x?.x === y?.x && x?.y === y?.y;
}
