import test from 'node:test';
import assert from 'node:assert/strict';
import type { Pending } from '../client.js';
import { follow } from '../live.js';
import type { Live } from '../live.js';
import { Problem } from '../problem.js';

const session = (id: string): Pending => ({ sessionId: id, serviceName: 'Acme Bank', mode: 'enter', expiresAt: '2026-01-01T00:02:00Z' });
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A socket that does what the test says. */
class FakeSocket {
  static made: FakeSocket[] = [];
  readonly sent: string[] = [];
  closed = false;
  onopen?: () => void;
  onmessage?: (event: { data: unknown }) => void;
  onclose?: (event: { code: number }) => void;
  constructor(readonly url: string) {
    FakeSocket.made.push(this);
  }
  send(text: string): void {
    this.sent.push(text);
  }
  close(code = 1006): void {
    if (this.closed) return;
    this.closed = true;
    this.onclose?.({ code });
  }
  say(...messages: object[]): void {
    for (const m of messages) this.onmessage?.({ data: JSON.stringify(m) });
  }
}

/** Follows with fakes; timers are mocked by the test. */
function rig(pending: () => Promise<readonly Pending[]> = async () => []) {
  FakeSocket.made = [];
  const log: string[] = [];
  const state = { visible: true, asked: 0 };
  const live: Live = follow({
    url: 'wss://login.example.com/ws/device', WebSocket: FakeSocket as unknown as typeof globalThis.WebSocket,
    hello: async () => 'hello', visible: () => state.visible,
    pending: () => {
      state.asked++;
      return pending();
    },
    events: {
      sessions: (list) => log.push(`list ${list.map((s) => s.sessionId).join(',')}`), way: (way) => log.push(way),
      deviceAdded: ({ deviceName }) => log.push(`added ${deviceName}`), refused: ({ code }) => log.push(`refused ${code}`),
    },
  });
  const last = (): FakeSocket => FakeSocket.made.at(-1) ?? assert.fail();
  return { live, log, state, last, made: () => FakeSocket.made.length };
}

test('the list is told once it is complete, and then as it changes', async () => {
  const { live, log, last } = rig();
  last().onopen?.();
  await tick();
  assert.deepEqual(last().sent, ['hello']);
  last().say({ type: 'session', ...session('a') }, { type: 'session', ...session('b') });
  assert.deepEqual(log, []);
  last().say({ type: 'ready' }, { type: 'session', ...session('c') }, { type: 'gone', sessionId: 'a' }, { type: 'device_added', deviceName: 'Other', createdAt: '' }, { type: 'newer' });
  last().onmessage?.({ data: 'no json' });
  assert.deepEqual(log, ['socket', 'list a,b', 'list a,b,c', 'list b,c', 'added Other']);
  live.close();
});

test('without a socket it asks at once and every five seconds, and tries the socket again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { live, log, state, last, made } = rig(async () => [session('a')]);
  last().close();
  await tick();
  assert.deepEqual(log, ['asking', 'list a']);
  t.mock.timers.tick(600);
  assert.equal(made(), 2);
  t.mock.timers.tick(4400);
  await tick();
  assert.equal(state.asked, 2);
  last().say({ type: 'ready' });
  assert.deepEqual(log.slice(-2), ['socket', 'list ']);
  t.mock.timers.tick(20_000);
  await tick();
  assert.equal(state.asked, 2);
  live.close();
});

test('the pauses between tries grow', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { live, last, made } = rig();
  for (let i = 0; i < 8; i++) {
    last().close();
    t.mock.timers.tick(31_000);
  }
  assert.equal(made(), 9);
  last().close();
  t.mock.timers.tick(14_000);
  assert.equal(made(), 9);
  live.close();
});

test('one tab too many asks instead, until it is looked at', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { live, log, last, made } = rig();
  last().close(4009);
  await tick();
  t.mock.timers.tick(60_000);
  assert.equal(made(), 1);
  assert.deepEqual(log, ['asking', 'list ']);
  live.wake();
  assert.equal(made(), 2);
  live.close();
});

test('a page that nobody looks at asks nothing', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { live, state, last } = rig();
  state.visible = false;
  last().close();
  t.mock.timers.tick(60_000);
  await tick();
  assert.equal(state.asked, 0);
  live.close();
});

test('waking replaces the socket, whatever it claims to be', () => {
  const { live, log, last, made } = rig();
  const old = last();
  old.say({ type: 'ready' });
  live.wake();
  assert.equal(made(), 2);
  assert.equal(old.closed, true);
  old.say({ type: 'session', ...session('late') });
  assert.deepEqual(log, ['socket', 'list ']);
  live.close();
  live.wake();
  assert.equal(made(), 2);
});

test('a phone that is not known any more stops', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log, last, made } = rig(() => Promise.reject(new Problem({ code: 'unknown_device', status: 401 })));
  last().close();
  await tick();
  assert.deepEqual(log, ['refused unknown_device']);
  t.mock.timers.tick(120_000);
  assert.equal(made(), 1);
});

test('a locked phone waits as long as it is told', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { live, log, state, last } = rig(() => Promise.reject(new Problem({ code: 'locked', status: 429, retryAfter: 60 })));
  last().close();
  await tick();
  t.mock.timers.tick(59_000);
  await tick();
  assert.equal(state.asked, 1);
  t.mock.timers.tick(1000);
  await tick();
  assert.equal(state.asked, 2);
  assert.deepEqual(log, ['refused locked', 'refused locked']);
  live.close();
});

test('a lock of a month is asked about all the same', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { live, state, last } = rig(() => Promise.reject(new Problem({ code: 'locked', status: 429, retryAfter: 720 * 3600 })));
  last().close();
  await tick();
  t.mock.timers.tick(299_000);
  await tick();
  assert.equal(state.asked, 1);
  t.mock.timers.tick(1000);
  await tick();
  assert.equal(state.asked, 2);
  live.close();
});

test('a network that is gone is said', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { live, log, last } = rig(() => Promise.reject(new Error('no answer')));
  last().close();
  await tick();
  assert.deepEqual(log, ['offline']);
  live.close();
});
