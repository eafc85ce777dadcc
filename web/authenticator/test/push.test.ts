import assert from 'node:assert/strict';
import test from 'node:test';
import type { Client, Listed, Signer } from '../client.js';
import { base64url } from '../protocol.js';
import { createPushes } from '../push.js';
import type { PushBrowser } from '../push.js';

const me = {} as Signer;
const key = base64url(new Uint8Array(65).fill(4));

/** A browser with a push service, and a server that notes what it is sent. */
function world(options: { permission?: NotificationPermission; fails?: boolean; refuses?: boolean; worker?: boolean } = {}) {
  const sent: string[] = [];
  let count = 0;
  const state: { subscription: PushSubscription | undefined; asked: number } = { subscription: undefined, asked: 0 };
  const subscribe = (applicationServerKey: Uint8Array): PushSubscription => {
    const endpoint = `https://push.example/${++count}`;
    return {
      options: { applicationServerKey: applicationServerKey.slice().buffer, userVisibleOnly: true },
      toJSON: () => ({ endpoint }),
      unsubscribe: () => {
        state.subscription = undefined;
        return Promise.resolve(true);
      },
    } as unknown as PushSubscription;
  };
  const browser: PushBrowser = {
    permission: () => {
      state.asked++;
      return Promise.resolve(options.permission ?? 'granted');
    },
    manager: () => Promise.resolve(options.worker === false ? undefined : {
      getSubscription: () => Promise.resolve(state.subscription ?? null),
      subscribe: (wish) => {
        if (options.fails === true) return Promise.reject(new DOMException('no push service', 'AbortError'));
        assert.equal(wish?.userVisibleOnly, true);
        state.subscription = subscribe(wish?.applicationServerKey as Uint8Array);
        return Promise.resolve(state.subscription);
      },
    }),
  };
  const client = {
    push: (_: Signer, text: string) => {
      sent.push(text);
      return options.refuses === true ? Promise.reject(new Error('refused')) : Promise.resolve();
    },
  } as unknown as Client;
  return { sent, state, subscribe, pushes: createPushes(client, browser), without: createPushes(client, undefined) };
}

const listed = (push: boolean, pushKey = key): Listed => ({ off: [], pushKey, devices: [
  { deviceId: 'dev_other', deviceName: '', platform: '', createdAt: '', current: false, push: true },
  { deviceId: 'dev_this', deviceName: '', platform: '', createdAt: '', current: true, push }] });

const first = '{"endpoint":"https://push.example/1"}';

test('on and off', async () => {
  const { pushes, sent, state } = world();
  assert.equal(await pushes.on(me, key), 'on');
  assert.deepEqual(sent, [first]);
  await pushes.off(me);
  assert.deepEqual(sent, [first, '']);
  assert.equal(state.subscription, undefined);
});

test('what cannot be is said, and nothing is sent', async () => {
  for (const [options, want] of [[{ permission: 'denied' }, 'denied'], [{ permission: 'default' }, 'denied'], [{ fails: true }, 'impossible'], [{ worker: false }, 'impossible']] as const) {
    const { pushes, sent } = world(options);
    assert.equal(await pushes.on(me, key), want);
    assert.deepEqual(sent, []);
  }
  const { without, sent, pushes } = world();
  assert.equal(await without.on(me, key), 'impossible');
  assert.equal(await pushes.on(me, '+'), 'impossible');
  await without.keep(me, listed(false));
  assert.deepEqual(sent, []);
});

test('what the server refuses is not left in the browser', async () => {
  const { pushes, state } = world({ refuses: true });
  await assert.rejects(pushes.on(me, key));
  assert.equal(state.subscription, undefined);
});

test('server and browser are made to agree, unasked', async () => {
  const kept = async (browser: boolean, server: boolean, otherKey = false): Promise<string[]> => {
    const { pushes, sent, state, subscribe } = world();
    if (browser) state.subscription = subscribe(new Uint8Array(65).fill(otherKey ? 5 : 4));
    await pushes.keep(me, listed(server));
    assert.equal(state.asked, 0);
    assert.equal(state.subscription !== undefined, browser && !otherKey);
    return sent;
  };
  assert.deepEqual(await kept(true, true), []);
  assert.deepEqual(await kept(false, false), []);
  assert.deepEqual(await kept(true, false), [first]);
  assert.deepEqual(await kept(false, true), ['']);
  assert.deepEqual(await kept(true, true, true), ['']);
  assert.deepEqual(await kept(true, false, true), []);
});
