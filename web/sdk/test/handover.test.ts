import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { finishReturn } from '../src/index.js';
import { approved, as, claimed, gone, issuer, json, ready, replace, rig, type Rig, sessionId, settle, started, token, until } from './rig.js';

const code = 'returnCodereturnCodereturnCodereturnCode000';
const returns = /^POST .*\/return$/;
const mark = `countersign.handover.${sessionId}`;
const handed = `countersign.return.${sessionId}`;

/** A browser's storages. */
class Shelf {
  readonly #kept = new Map<string, string>();
  get length(): number {
    return this.#kept.size;
  }
  key(i: number): string | null {
    return [...this.#kept.keys()][i] ?? null;
  }
  getItem(key: string): string | null {
    return this.#kept.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.#kept.set(key, value);
  }
  removeItem(key: string): void {
    this.#kept.delete(key);
  }
  keys(): string[] {
    return [...this.#kept.keys()];
  }
}

interface Browser {
  readonly local: Shelf;
  readonly tab: Shelf;
  /** What a window hears. */
  event(name: string): void;
}

/** A browser with one tab; the channel between tabs is Node's own. */
function browser(t: TestContext): Browser {
  const local = new Shelf();
  const tab = new Shelf();
  const win = new EventTarget();
  replace(t, 'localStorage', local);
  replace(t, 'sessionStorage', tab);
  replace(t, 'addEventListener', win.addEventListener.bind(win));
  replace(t, 'removeEventListener', win.removeEventListener.bind(win));
  return { local, tab, event: (name) => void win.dispatchEvent(new Event(name)) };
}

/** A server that takes the code, and the right one only. */
function takes(r: Rig): void {
  r.on(returns, (came) => (came.body['code'] === code ? json({ status: 'approved' }) : json({ code: 'invalid_return' }, 403)));
}

test('handing over leaves a mark without a secret, and what the tab needs in the tab alone', async (t) => {
  const r = rig(t);
  const b = browser(t);
  const login = await r.pending({ sameDevice: true });
  b.local.setItem('countersign.handover.sess_old', String(Date.now() - 16 * 60_000));
  b.local.setItem('countersign.return.sess_old', 'x');
  b.local.setItem('countersign.handover.sess_young', String(Date.now() - 60_000));
  b.local.setItem('of another program', 'x');
  login.handedOver();
  assert.deepEqual(b.local.keys().sort(), [mark, 'countersign.handover.sess_young', 'of another program'].sort());
  assert.equal(b.local.getItem(mark), String(Date.now()));
  assert.deepEqual(b.tab.keys(), ['countersign.login']);
  login.cancel();
  assert.equal(b.local.getItem(mark), null);
  assert.deepEqual(b.tab.keys(), [], 'nothing is left at the end');
});

test('without same device nothing is handed over', async (t) => {
  const r = rig(t);
  const b = browser(t);
  (await r.pending()).handedOver();
  assert.deepEqual([...b.local.keys(), ...b.tab.keys()], []);
});

test('the tab that started the login uses the code, and the other one may be closed', async (t) => {
  const r = rig(t);
  const b = browser(t);
  takes(r);
  const login = await r.pending({ sameDevice: true });
  login.handedOver();
  r.socket().say(claimed);
  assert.equal(await finishReturn({ sessionId, code }), 'finished');
  const [post] = r.requests(returns);
  assert.equal(post!.url.pathname, `/auth/session/${sessionId}/return`);
  assert.equal(post!.headers.get('Authorization'), `Bearer ${token}`);
  assert.match(post!.headers.get('Countersign-Verifier')!, /^[\w-]{43}$/);
  assert.equal(b.local.getItem(handed), null, 'a used code is not kept');
  assert.equal(login.state.name, 'claimed', 'the server has the last word');
  assert.ok(r.requests(/^GET \/auth\/session\/\w+$/).length > 0, 'and is asked for it at once');
  r.socket().say(approved);
  assert.equal(login.state.name, 'approved');
  assert.deepEqual([...b.local.keys(), ...b.tab.keys()], []);
});

test('the other tab is told also when the approval comes before the answer to the code', async (t) => {
  const r = rig(t);
  browser(t);
  r.on(returns, () => {
    r.socket().say(approved);
    return new Promise(() => {});
  });
  const login = await r.pending({ sameDevice: true });
  login.handedOver();
  assert.equal(await finishReturn({ sessionId, code }), 'finished');
  assert.equal(login.state.name, 'approved');
});

test('a tab that sleeps uses the code when it is looked at again', async (t) => {
  for (const event of ['focus', 'storage', 'online']) {
    await t.test(event, async (t) => {
      const r = rig(t);
      const b = browser(t);
      takes(r);
      replace(t, 'BroadcastChannel', undefined);
      const login = await r.pending({ sameDevice: true });
      login.handedOver();
      assert.equal(await finishReturn({ sessionId, code }), 'waiting');
      assert.equal(r.requests(returns).length, 0);
      b.event(event);
      await settle();
      assert.equal(r.requests(returns).length, 1);
      assert.equal(b.local.getItem(handed), null);
    });
  }
});

test('when nobody answers, the tab is asleep', async (t) => {
  const r = rig(t);
  const b = browser(t);
  b.local.setItem(mark, String(Date.now()));
  const returned = finishReturn({ sessionId, code });
  await r.tick(1999);
  assert.equal(b.local.getItem(handed), code);
  await r.tick(1);
  assert.equal(await returned, 'waiting');
});

test('in a browser that did not start the login nothing happens', async (t) => {
  const r = rig(t);
  const b = browser(t);
  assert.equal(await finishReturn({ sessionId, code }), 'stranger');
  b.local.setItem(mark, String(Date.now() - 15 * 60_000));
  assert.equal(await finishReturn({ sessionId, code }), 'stranger', 'a mark does not count for ever');
  assert.equal(b.local.getItem(handed), null);
  assert.equal(r.came.length, 0);
});

test('what another program left in this tab is nothing to a login', async (t) => {
  for (const text of ['{}', 'null', '7', '{"started":7}', 'no JSON']) {
    await t.test(text, async (t) => {
      const r = rig(t);
      const b = browser(t);
      b.tab.setItem('countersign.login', text);
      b.local.setItem(mark, String(Date.now()));
      const returned = finishReturn({ sessionId, code });
      await r.tick(2000);
      assert.equal(await returned, 'waiting');
      const login = await r.pending({ sameDevice: true });
      login.cancel();
      assert.equal(b.tab.getItem('countersign.login'), text);
    });
  }
});

test('what is kept of a session that is over goes when the next login starts', async (t) => {
  const r = rig(t);
  const b = browser(t);
  b.tab.setItem('countersign.login', JSON.stringify({ started: { sessionId }, verifier: 'v', endsAt: Date.now() - 1 }));
  const login = await r.pending({ sameDevice: true });
  assert.equal(b.tab.getItem('countersign.login'), null);
  login.cancel();
});

test('a wrong code changes nothing, and is not kept', async (t) => {
  const r = rig(t);
  const b = browser(t);
  takes(r);
  const login = await r.pending({ sameDevice: true });
  login.handedOver();
  b.local.setItem(handed, 'wrong');
  b.event('focus');
  await settle();
  assert.equal(login.state.name, 'pending');
  assert.equal(b.local.getItem(handed), null);
  b.local.setItem(handed, code);
  b.event('focus');
  await settle();
  assert.equal(r.requests(returns).length, 2, 'the right one still counts');
});

test('a code that the server could not be told is kept for the next waking', async (t) => {
  const r = rig(t);
  const b = browser(t);
  r.on(returns, gone);
  const login = await r.pending({ sameDevice: true });
  login.handedOver();
  b.local.setItem(handed, code);
  b.event('focus');
  for (let i = 0; i < 3; i++) await r.tick(2000);
  assert.equal(r.requests(returns).length, 3);
  assert.equal(b.local.getItem(handed), code);
  takes(r);
  b.event('focus');
  await settle();
  assert.equal(b.local.getItem(handed), null);
});

test('a page that the browser threw away goes on with the session it handed over', async (t) => {
  const r = rig(t);
  const b = browser(t);
  takes(r);
  const before = await r.pending({ sameDevice: true });
  const verifier = r.socket().protocols[2]!;
  await r.tick(30_000);
  before.handedOver();
  b.local.setItem(handed, code);
  const login = r.login({ sameDevice: true });
  assert.equal(login.state.name, 'starting', 'a caller that listens at once hears everything');
  await until('a socket', () => r.sockets.length === 2);
  assert.equal(r.requests(/initiate/).length, 1);
  assert.equal(as(login.state, 'pending').sessionId, sessionId);
  assert.equal(r.socket().protocols[2], verifier);
  r.socket().say({ ...ready, elapsed: 31 });
  assert.match(await login.qrText(), /\?t=31&/);
  await until('the code is used', () => r.requests(returns).length > 0);
  login.restart();
  await until('another session', () => r.requests(/initiate/).length === 2);
});

test('a session kept is not taken for another one, nor after its end', async (t) => {
  const cases: [string, object, number][] = [
    ['another service', { serviceId: 'acme-shop' }, 0],
    ['another issuer', { issuer: 'https://other.example.com' }, 0],
    ['other scopes', { scopes: ['identity:phone'] }, 0],
    ['another nonce', { clientNonce: 'new' }, 0],
    ['same device off', { sameDevice: false }, 0],
    ['its time is up', {}, 120_000],
  ];
  for (const [name, options, wait] of cases) {
    await t.test(name, async (t) => {
      const r = rig(t);
      browser(t);
      r.on(/initiate/, () => json(started(r.came.length, { expiresAt: '2026-01-01T00:02:00Z' })));
      (await r.pending({ sameDevice: true })).handedOver();
      await r.tick(wait);
      r.login({ sameDevice: true, ...options });
      await until('another start', () => r.requests(/initiate/).length === 2);
    });
  }
});

test('the fragment of the page is read, and taken out of the address', async (t) => {
  const r = rig(t);
  const b = browser(t);
  const replaced: unknown[] = [];
  const location = { origin: issuer, pathname: '/login', search: '?lang=cs', hash: `#countersign-return=${sessionId}.${code}` };
  replace(t, 'location', location);
  replace(t, 'history', { state: null, replaceState: (_: unknown, __: string, url: string) => replaced.push(url) });
  assert.equal(await finishReturn(), 'stranger');
  assert.deepEqual(replaced, ['/login?lang=cs']);
  b.local.setItem(mark, String(Date.now()));
  const returned = finishReturn();
  await r.tick(2000);
  assert.equal(await returned, 'waiting');
  for (const hash of ['', '#top', `#countersign-return=${sessionId}`, `#countersign-return=${sessionId}.short`, `#countersign-return=x.${code}`]) {
    replace(t, 'location', { ...location, hash });
    assert.equal(await finishReturn(), 'none', hash);
  }
  assert.equal(replaced.length, 2);
});

test('coming back into the very tab that started the login, the page goes on with it', async (t) => {
  const r = rig(t);
  const b = browser(t);
  takes(r);
  (await r.pending({ sameDevice: true })).handedOver();
  replace(t, 'BroadcastChannel', undefined); // that page is gone
  const hash = `#countersign-return=${sessionId}.${code}`;
  assert.equal(await finishReturn({ hash } as Location), 'none');
  assert.equal(b.local.getItem(handed), code);
  r.login({ sameDevice: true });
  await until('the code is used', () => r.requests(returns).length === 1);
});

test('a page that forbids storage logs in, only not on this device', async (t) => {
  const r = rig(t);
  for (const name of ['localStorage', 'sessionStorage']) {
    Object.defineProperty(globalThis, name, { configurable: true, get: () => { throw new DOMException('no', 'SecurityError'); } });
    t.after(() => delete (globalThis as Record<string, unknown>)[name]);
  }
  const login = await r.pending({ sameDevice: true });
  login.handedOver();
  r.socket().say(claimed, approved);
  assert.equal(login.state.name, 'approved');
  assert.equal(await finishReturn({ sessionId, code }), 'stranger');
});
