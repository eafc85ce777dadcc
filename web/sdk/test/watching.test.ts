import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { frames } from '../src/transport.js';
import { approved, as, claimed, gone, hang, json, outcome, ready, replace, rig, type Rig, sessionId, settle, token, until, wrongCode } from './rig.js';

const events = /^GET .*\/events$/;
const polls = /^GET \/auth\/session\/\w+$/;

/** A page that can be hidden, shown and fetched back. */
function page(t: TestContext): { wake(event: string, of?: 'document' | 'window', more?: object): void; hide(): void } {
  const doc = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const win = new EventTarget();
  replace(t, 'document', doc);
  replace(t, 'addEventListener', win.addEventListener.bind(win));
  replace(t, 'removeEventListener', win.removeEventListener.bind(win));
  return {
    hide: () => {
      doc.visibilityState = 'hidden';
      doc.dispatchEvent(new Event('visibilitychange'));
    },
    wake: (event, of = 'window', more = {}) => {
      doc.visibilityState = 'visible';
      (of === 'document' ? doc : win).dispatchEvent(Object.assign(new Event(event), more));
    },
  };
}

/** An event stream that a test writes. */
function stream(r: Rig): { say(text: string): void; end(): void; opened(): number } {
  let out: ReadableStreamDefaultController<Uint8Array> | undefined;
  let opened = 0;
  r.on(events, (came) => {
    opened++;
    const body = new ReadableStream<Uint8Array>({ start: (c) => void (out = c) });
    came.signal!.addEventListener('abort', () => out?.error(new Error('aborted')));
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
  });
  return { say: (text) => out!.enqueue(new TextEncoder().encode(text)), end: () => out!.close(), opened: () => opened };
}

const frame = (m: { id: number }): string => `id: ${m.id}\ndata: ${JSON.stringify(m)}\n\n`;

test('token and verifier go as subprotocols, and no address holds a token', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  assert.equal(r.socket().url, `wss://login.example.com/ws/session/${sessionId}`);
  assert.deepEqual(r.socket().protocols.slice(0, 2), ['countersign.v1', `token.${token}`]);
  assert.match(r.socket().protocols[2]!, /^verifier\.[\w-]{43}$/);
  login.cancel();
  await settle();
  for (const { url } of r.came) assert.ok(!url.href.includes(token), url.href);
});

test('a message seen before is dropped, but its elapsed time is taken', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  r.socket().say(claimed);
  r.socket().say({ ...claimed, platform: 'iOS' }, { ...ready, autoPassword: '000000' });
  assert.deepEqual([as(login.state, 'claimed').platform, as(login.state, 'claimed').code], ['Android', '482913']);
  r.socket().say({ ...ready, id: 3, autoPassword: '111111' });
  assert.equal(as(login.state, 'claimed').code, '111111', 'a rotated code has a new id');
  r.socket().say({ type: 'claimed', id: 'x' }, { type: 'of a later protocol', id: 4 });
  r.socket().onmessage?.({ data: 'no JSON' });
  assert.equal(login.state.name, 'claimed');
});

test('the time of the QR code comes from elapsed, also of a message seen before', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  await r.tick(9900);
  assert.match(await login.qrText(), /\?t=9&c=/);
  r.socket().say({ ...ready, elapsed: 40 });
  assert.match(await login.qrText(), /\?t=40&c=/);
  await r.tick(1000);
  assert.match(await login.qrText(), /\?t=41&c=/);
});

test('4009: another tab took over; nothing happens until the session is taken back', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  r.socket().say(claimed);
  r.socket().end(4009);
  assert.equal(login.state.name, 'elsewhere');
  await r.tick(60_000);
  assert.equal(r.sockets.length, 1);
  assert.equal(await login.qrText(), '');
  login.takeBack();
  assert.equal(r.sockets.length, 2);
  assert.equal(login.state.name, 'claimed');
  r.socket().say(ready, claimed, approved);
  assert.deepEqual(await login.result, outcome);
});

test('a socket that breaks is opened again after a wait that grows, and says nothing twice', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  for (const [n, wait] of [[2, 250], [3, 500], [4, 1000]] as const) {
    r.socket().end(n === 3 ? 1001 : 1006);
    assert.equal(as(login.state, 'pending').connection, 'none');
    await r.tick(wait - 1);
    assert.equal(r.sockets.length, n - 1);
    await r.tick(1);
    assert.equal(r.sockets.length, n);
    r.socket().say(ready);
    assert.equal(as(login.state, 'pending').connection, 'websocket');
  }
  r.socket().say(claimed, approved);
  assert.equal(login.state.name, 'approved');
});

test('a connection that was good for a while makes the next wait short again', async (t) => {
  const r = rig(t);
  await r.pending();
  r.socket().end(1006);
  await r.tick(250);
  r.socket().say(ready);
  await r.tick(10_000);
  r.socket().end(1006);
  await r.tick(250);
  assert.equal(r.sockets.length, 3);
});

test('closed for good reason without the final message: asks for it', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  r.on(polls, () => json({ status: 'approved', messages: [{ ...approved, id: 2 }] }));
  r.socket().end(1000);
  await settle();
  assert.equal(login.state.name, 'approved');
  assert.equal(r.requests(polls).length, 1);
  assert.equal(r.requests(polls)[0]!.url.search, '?after=1&wait=0');
});

test('4001: the login is lost', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  r.socket().end(4001);
  assert.equal(as(login.state, 'failed').error.code, 'lost');
  await r.tick(10_000);
  assert.equal(r.sockets.length, 1);
});

test('sockets that do not open make place for an event stream, which resumes by id', async (t) => {
  const r = rig(t);
  const sse = stream(r);
  const login = r.login();
  await until('a socket', () => r.sockets.length === 1);
  r.socket().end(1006);
  await r.tick(250);
  r.socket().end(1006);
  await r.tick(0);
  assert.equal(sse.opened(), 1);
  const first = r.requests(events)[0]!;
  assert.equal(first.headers.get('Authorization'), `Bearer ${token}`);
  assert.match(first.headers.get('Countersign-Verifier')!, /^[\w-]{43}$/);
  assert.equal(first.headers.get('Last-Event-ID'), null);
  sse.say(frame(ready).slice(0, 20));
  await settle();
  sse.say(frame(ready).slice(20) + frame(claimed));
  await settle();
  assert.equal(as(login.state, 'claimed').connection, 'events');
  sse.say('event: close\ndata: {"code":1001}\n\n');
  await settle();
  await r.tick(500);
  assert.equal(sse.opened(), 2);
  assert.equal(r.requests(events)[1]!.headers.get('Last-Event-ID'), '2');
  sse.say(frame(ready) + frame(approved));
  await settle();
  assert.equal(login.state.name, 'approved');
  assert.equal(r.sockets.length, 2, 'a way that works is kept');
});

test('an event stream that is taken over is elsewhere', async (t) => {
  const r = rig(t);
  const sse = stream(r);
  const login = r.login({ WebSocket: undefined as never });
  await until('a stream', () => sse.opened() === 1 || r.sockets.length === 1);
  r.sockets[0]?.end(1006);
  sse.say(`${frame(ready)}event: close\ndata: {"code":4009}\n\n`);
  await settle();
  assert.equal(login.state.name, 'elsewhere');
});

test('an event stream without even a ping for 45 s is opened again', async (t) => {
  const r = rig(t);
  const sse = stream(r);
  r.login({ WebSocket: undefined as never });
  await until('a stream', () => sse.opened() === 1);
  sse.say(frame(ready));
  await settle();
  await r.tick(44_000);
  sse.say(': ping\n\n');
  await settle();
  await r.tick(44_000);
  assert.equal(sse.opened(), 1);
  await r.tick(1000);
  await r.tick(250);
  assert.equal(sse.opened(), 2);
});

test('a socket that opens and stays silent, then a stream that does, leave the long poll', async (t) => {
  const r = rig(t);
  const sse = stream(r);
  let news = (_: Response): void => {};
  r.on(polls, (came) =>
    came.url.searchParams.get('wait') === '0' ? json({ status: 'pending', messages: [ready] }) : new Promise((resolve) => (news = resolve)),
  );
  const login = r.login();
  await until('a socket', () => r.sockets.length === 1);
  await r.tick(5000);
  assert.equal(r.socket().closedByPage, 1000);
  await r.tick(0);
  assert.equal(sse.opened(), 1);
  await r.tick(5000);
  await r.tick(0);
  assert.equal(as(login.state, 'pending').connection, 'poll');
  assert.deepEqual(r.requests(polls).map((c) => c.url.search), ['?after=0&wait=0', '?after=1&wait=25']);
  assert.equal(r.requests(polls)[1]!.headers.get('Authorization'), `Bearer ${token}`);
  news(json({ status: 'claimed', messages: [claimed, wrongCode] }));
  await settle();
  assert.equal(as(login.state, 'claimed').failed?.attemptsRemaining, 2);
  assert.equal(r.requests(polls)[2]!.url.search, '?after=3&wait=25');
  news(json({ status: 'approved', messages: [{ ...approved, id: 4 }] }));
  await settle();
  assert.equal(login.state.name, 'approved');
  assert.equal(r.requests(polls).length, 3);
});

test('a poll answered at once without news is not asked again at once', async (t) => {
  const r = rig(t);
  r.on(polls, () => json({ status: 'pending', messages: [] }));
  r.login({ WebSocket: undefined as never });
  await until('the first try', () => r.requests(events).length === 1);
  await r.tick(250);
  await r.tick(0);
  assert.equal(r.requests(polls).length, 2);
  await r.tick(999);
  assert.equal(r.requests(polls).length, 2);
  await r.tick(1);
  assert.equal(r.requests(polls).length, 3);
});

test('when no way works they are tried in turn, from the first, with waits', async (t) => {
  const r = rig(t);
  r.on(/^GET/, gone);
  r.login();
  await until('a socket', () => r.sockets.length === 1);
  const tries = (): number[] => [r.sockets.length, r.requests(events).length, r.requests(polls).length];
  for (let i = 0; i < 60 && r.sockets.length < 3; i++) {
    r.socket().end(1006);
    await r.tick(1000);
  }
  assert.deepEqual(tries(), [3, 2, 2]);
});

test('a server that says when to come back is obeyed', async (t) => {
  const r = rig(t);
  r.on(events, () => json({ code: 'overloaded' }, 503, { 'Retry-After': '7' }));
  r.login({ WebSocket: undefined as never });
  await until('a stream', () => r.requests(events).length === 1);
  await r.tick(6900);
  assert.equal(r.requests(events).length, 1);
  await r.tick(100);
  assert.equal(r.requests(events).length, 2);
});

test('awake after a long while: asks once, and only then connects anew', async (t) => {
  const r = rig(t);
  const p = page(t);
  const login = await r.pending();
  let answer = (_: Response): void => {};
  r.on(polls, () => new Promise((resolve) => (answer = resolve)));
  p.hide();
  await r.tick(30_000);
  p.wake('visibilitychange', 'document');
  p.wake('online');
  p.wake('pageshow', 'window', { persisted: true });
  await settle();
  assert.equal(r.requests(polls).length, 1, 'one waking, one question');
  assert.equal(r.requests(polls)[0]!.url.search, '?after=1&wait=0');
  assert.equal(r.sockets.length, 1, 'not before the answer');
  answer(json({ status: 'claimed', messages: [claimed] }));
  await settle();
  assert.equal(login.state.name, 'claimed');
  assert.equal(r.sockets.length, 2, 'the old socket may be dead without knowing');
  assert.equal(r.sockets[0]!.closedByPage, 1000);
  r.socket().say(ready, claimed, approved);
  assert.equal(login.state.name, 'approved');
});

test('awake after a long while without news: the socket is not trusted', async (t) => {
  const r = rig(t);
  const p = page(t);
  await r.pending();
  p.hide();
  await r.tick(5000);
  p.wake('visibilitychange', 'document');
  await settle();
  assert.equal(r.requests(polls).length, 1);
  assert.equal(r.sockets.length, 2);
});

test('awake between two tries: the question comes first, and the wait begins anew', async (t) => {
  const r = rig(t);
  const p = page(t);
  const login = await r.pending();
  r.socket().end(1006);
  r.on(polls, hang);
  p.wake('online');
  await r.tick(4000);
  assert.equal(r.sockets.length, 1);
  r.on(polls, () => json({ status: 'approved', messages: [approved] }));
  await r.tick(1000);
  await settle();
  assert.equal(r.sockets.length, 2, 'no answer: connects all the same');
  p.wake('online');
  await settle();
  assert.equal(login.state.name, 'approved');
  assert.equal(r.sockets.length, 2, 'nothing to connect for');
});

test('a glance at another tab leaves a live socket alone', async (t) => {
  const r = rig(t);
  const p = page(t);
  await r.pending();
  p.hide();
  await r.tick(1000);
  p.wake('visibilitychange', 'document');
  p.wake('pageshow', 'window', { persisted: false });
  await settle();
  assert.equal(r.requests(polls).length, 1);
  assert.equal(r.sockets.length, 1);
});

test('awake on a lower way: the WebSocket gets another chance', async (t) => {
  const r = rig(t);
  const p = page(t);
  const login = r.login();
  await until('a socket', () => r.sockets.length === 1);
  await r.tick(5000);
  await r.tick(0);
  await r.tick(250);
  await r.tick(0);
  assert.equal(as(login.state, 'pending').connection, 'poll');
  const sockets = r.sockets.length;
  p.wake('online');
  await settle();
  assert.equal(r.sockets.length, sockets + 1);
  r.socket().say(ready);
  assert.equal(as(login.state, 'pending').connection, 'websocket');
  const asked = r.requests(polls).length;
  await r.tick(30_000);
  assert.equal(r.requests(polls).length, asked, 'the poll has stopped');
});

test('events are cut out of a stream wherever its pieces end', () => {
  const text = ': ping\n\nid: 1\r\ndata: {"a":1}\r\n\r\nevent: close\ndata: {"code":\ndata: 1000}\n\n';
  for (const size of [1, 2, 3, 7, text.length]) {
    const got: string[][] = [];
    const feed = frames((event, data) => got.push([event, data]));
    for (let i = 0; i < text.length; i += size) feed(text.slice(i, i + size));
    assert.deepEqual(got, [['', '{"a":1}'], ['close', '{"code":\n1000}']], `pieces of ${size}`);
  }
});
