import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginError } from '../src/index.js';
import type { LoginState } from '../src/index.js';
import { approved, as, challengeOf, claimed, gone, hang, json, names, outcome, qrKey, ready, replace, rig, sessionId, settle, started, token, until, wrongCode } from './rig.js';

test('a login goes from starting to approved, and its result is the message', async (t) => {
  const r = rig(t);
  const login = r.login({ tokenId: 'tok_7Zk2mQ', scopes: ['identity:name'], mode: 'enter', clientNonce: 'n-0S6' });
  const seen = names(login);
  assert.equal(login.state.name, 'starting');
  await until('a socket', () => r.sockets.length > 0);
  const open = as(login.state, 'pending');
  assert.deepEqual([open.code, open.mode, open.sessionId, open.connection], ['482913', 'enter', sessionId, 'none']);
  r.socket().say(ready);
  assert.equal(as(login.state, 'pending').connection, 'websocket');
  r.socket().say(claimed);
  const held = as(login.state, 'claimed');
  assert.deepEqual([held.platform, held.deviceName, held.code], ['Android', 'Pixel', '482913']);
  r.socket().say(approved);
  r.socket().end(1000);
  assert.deepEqual(await login.result, outcome);
  assert.deepEqual(seen, ['starting', 'pending', 'claimed', 'approved']);
  const { body, headers } = r.came[0]!;
  const { challenge, ...asked } = body;
  assert.deepEqual(asked, { serviceId: 'acme-bank', tokenId: 'tok_7Zk2mQ', scopes: ['identity:name'], mode: 'enter', clientNonce: 'n-0S6' });
  const verifier = r.socket().protocols[2]!.replace('verifier.', '');
  assert.match(verifier, /^[\w-]{43}$/);
  assert.equal(challenge, challengeOf(verifier));
  assert.match(headers.get('Idempotency-Key')!, /^[\w-]{8,64}$/);
  await r.tick(600_000);
  assert.equal(r.came.length, 1, 'nothing is asked after the end');
  assert.equal(r.sockets.length, 1);
});

test('an approval for OIDC brings an empty result', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  r.socket().say({ type: 'approved', id: 2 });
  assert.deepEqual(await login.result, { sessionId, jwt: '', hash: '', random: '', expiresAt: '' });
});

test('a masked code replaces the whole one', async (t) => {
  const r = rig(t);
  const login = r.login();
  await until('a socket', () => r.sockets.length > 0);
  r.socket().say({ ...ready, autoPassword: '4829**' });
  assert.equal(as(login.state, 'pending').code, '4829**');
});

test('a wrong code with tries left is told, and the login goes on', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  r.socket().say(claimed, wrongCode);
  assert.deepEqual(as(login.state, 'claimed').failed, { reason: 'Invalid OTP', attemptsRemaining: 2 });
  r.socket().say({ ...approved, id: 4 });
  assert.equal((await login.result).jwt, 'jwt.of.alice');
});

test('final messages end the login with their reason', async (t) => {
  const cases: [object, LoginState, string][] = [
    [{ type: 'rejected', id: 2, reason: 'Declined', final: true, attemptsRemaining: 0 }, { name: 'rejected', reason: 'Declined' }, 'rejected'],
    [{ type: 'expired', id: 2 }, { name: 'expired' }, 'expired'],
    [{ type: 'cancelled', id: 2, by: 'admin' }, { name: 'cancelled', by: 'admin' }, 'cancelled'],
  ];
  for (const [message, state, code] of cases) {
    await t.test(code, async (t) => {
      const r = rig(t);
      const login = await r.pending();
      r.socket().say(message);
      assert.deepEqual(login.state, state);
      await assert.rejects(login.result, (e: unknown) => e instanceof LoginError && e.code === code);
      assert.equal(r.requests(/cancel$/).length, 0, 'an ended session is not given up');
    });
  }
});

test('a start whose answer is lost is repeated under the same key, three times at most', async (t) => {
  const r = rig(t);
  r.on(/initiate/, gone);
  const login = r.login();
  for (let n = 1; n <= 3; n++) {
    await until(`try ${n}`, () => r.came.length === n);
    await r.tick(2000);
  }
  const error = as(login.state, 'failed').error;
  assert.equal(error.code, 'network');
  assert.equal(new Set(r.came.map((c) => c.headers.get('Idempotency-Key'))).size, 1);
  assert.equal(new Set(r.came.map((c) => c.body['challenge'])).size, 1);
  assert.equal(r.came.length, 3);
  await assert.rejects(login.result, (e: unknown) => e === error);
});

test('a start that hangs is given up and repeated', async (t) => {
  const r = rig(t);
  r.on(/initiate/, hang);
  const login = r.login();
  await until('the first try', () => r.came.length === 1);
  await r.tick(10_000);
  await r.tick(1000);
  assert.equal(r.came.length, 2);
  r.on(/initiate/, () => json(started()));
  await r.tick(10_000);
  await r.tick(1000);
  await until('pending', () => login.state.name === 'pending');
});

test('a refusal has its code, its problem and when to come back', async (t) => {
  const cases: [number, object, Record<string, string>, object][] = [
    [429, { code: 'rate_limited', detail: 'too many starts' }, { 'Retry-After': '17' }, { code: 'limited', problem: 'rate_limited', retryAfter: 17, message: 'too many starts' }],
    [422, { code: 'scope_not_allowed', detail: 'identity:phone' }, {}, { code: 'refused', problem: 'scope_not_allowed', message: 'identity:phone' }],
    [403, { code: 'origin_not_allowed' }, {}, { code: 'refused', problem: 'origin_not_allowed', message: 'the server answered 403' }],
    [503, { code: 'unavailable' }, { 'Retry-After': '2' }, { code: 'network', problem: 'unavailable', retryAfter: 2, message: 'the server answered 503' }],
  ];
  for (const [status, problem, headers, expected] of cases) {
    await t.test(String(status), async (t) => {
      const r = rig(t);
      r.on(/initiate/, () => json(problem, status, headers));
      const login = r.login();
      await until('the end', () => login.state.name === 'failed');
      const { error } = as(login.state, 'failed');
      assert.ok(error instanceof LoginError);
      assert.deepEqual({ ...error, message: error.message }, { name: 'LoginError', ...expected });
      assert.equal(r.came.length, 1);
    });
  }
});

test('a back end may start the session: it gets the challenge, the page the verifier', async (t) => {
  const r = rig(t);
  const challenges: string[] = [];
  const login = await r.pending({
    start: (challenge) => {
      challenges.push(challenge);
      return Promise.resolve(started());
    },
  });
  assert.equal(challenges[0], challengeOf(r.socket().protocols[2]!.replace('verifier.', '')));
  assert.equal(r.requests(/initiate/).length, 0);
  login.restart();
  await until('another start', () => challenges.length === 2);
  assert.notEqual(challenges[0], challenges[1]);
});

test('what a back end throws becomes the login\'s error', async (t) => {
  const cases: [unknown, string][] = [
    [new TypeError('fetch failed'), 'network'],
    [new Error('not for you'), 'refused'],
    [new LoginError('limited', 'slowly', { retryAfter: 3 }), 'limited'],
  ];
  for (const [thrown, code] of cases) {
    await t.test(code, async (t) => {
      const login = rig(t).login({ start: () => Promise.reject(thrown) });
      await until('the end', () => login.state.name === 'failed');
      assert.equal(as(login.state, 'failed').error.code, code);
    });
  }
  await t.test('an answer that is none', async (t) => {
    const login = rig(t).login({ start: () => Promise.resolve({ sessionId } as never) });
    await until('the end', () => login.state.name === 'failed');
    assert.equal(as(login.state, 'failed').error.code, 'refused');
  });
});

test('without a secure context a login is not supported', async (t) => {
  const r = rig(t);
  replace(t, 'crypto', { getRandomValues: () => assert.fail('not to be used') });
  const login = r.login();
  const seen = names(login);
  await settle();
  assert.equal(as(login.state, 'failed').error.code, 'unsupported');
  assert.deepEqual(seen, ['starting', 'failed'], 'a caller that listens at once hears it');
  assert.equal(r.came.length, 0);
});

test('cancel ends the login at once in every state, and tells the server', async (t) => {
  for (const far of ['pending', 'claimed', 'elsewhere', 'offline'] as const) {
    await t.test(far, async (t) => {
      const r = rig(t);
      const login = await r.pending();
      if (far === 'claimed') r.socket().say(claimed);
      if (far === 'elsewhere') r.socket().end(4009);
      if (far === 'offline') {
        r.on(/./, gone);
        r.socket().end(1006);
      }
      login.cancel();
      assert.deepEqual(login.state, { name: 'cancelled', by: 'page' });
      await assert.rejects(login.result, { code: 'cancelled' });
      await settle();
      const [told, ...more] = r.requests(/^POST .*\/cancel$/);
      assert.equal(told!.url.pathname, `/auth/session/${sessionId}/cancel`);
      assert.equal(told!.keepalive, true);
      assert.equal(told!.headers.get('Authorization'), `Bearer ${token}`);
      assert.match(told!.headers.get('Countersign-Verifier')!, /^[\w-]{43}$/);
      assert.equal(more.length, 0);
      login.cancel();
      await r.tick(600_000);
      assert.deepEqual(login.state, { name: 'cancelled', by: 'page' });
      assert.equal(r.sockets.length, 1, 'nothing reconnects after the end');
    });
  }
});

test('cancelling while starting aborts, and ends a session that was made all the same', async (t) => {
  const r = rig(t);
  let answer = (_: Response): void => {};
  r.on(/initiate/, () => new Promise((resolve) => (answer = resolve)));
  const login = r.login();
  await until('the start', () => r.came.length === 1);
  login.cancel();
  assert.equal(login.state.name, 'cancelled');
  assert.equal(r.came[0]!.signal!.aborted, true);
  answer(json(started()));
  await settle();
  assert.equal(login.state.name, 'cancelled');

  let give: ((_: ReturnType<typeof started>) => void) | undefined;
  const late = r.login({ start: () => new Promise((resolve) => (give = resolve)) });
  await until('the call', () => give !== undefined);
  late.cancel();
  give!(started());
  await until('the cancel', () => r.requests(/cancel$/).length === 1);
  assert.equal(r.sockets.length, 0);
});

test('a cancelled login ends like one by the signal, also by one that fired before', async (t) => {
  const r = rig(t);
  const controller = new AbortController();
  const login = await r.pending({ signal: controller.signal });
  controller.abort();
  assert.deepEqual(login.state, { name: 'cancelled', by: 'page' });
  const early = r.login({ signal: controller.signal });
  await settle();
  assert.deepEqual(early.state, { name: 'cancelled', by: 'page' });
});

test('restart begins another session, gives the old one up silently, and the old result follows', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  const seen = names(login);
  const before = login.result;
  const old = r.socket();
  login.restart();
  assert.notEqual(login.result, before);
  assert.equal(old.closedByPage, 1000);
  await until('the new socket', () => r.sockets.length === 2);
  assert.equal(r.requests(/cancel$/).length, 1);
  assert.equal(r.requests(/initiate/).length, 2);
  old.say({ type: 'cancelled', id: 9, by: 'page' });
  old.end(1000);
  const second = `${sessionId.slice(0, -1)}1`;
  assert.equal(as(login.state, 'pending').sessionId, second);
  r.socket().say(ready, { ...approved, id: 2 });
  assert.equal((await before).sessionId, second);
  assert.equal(await before, await login.result);
  assert.deepEqual(seen, ['pending', 'starting', 'pending', 'approved']);
});

test('restart after the end begins anew, with a new result', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  const first = login.result;
  r.socket().say({ type: 'expired', id: 2 });
  login.restart();
  await until('the new socket', () => r.sockets.length === 2);
  r.socket().say(ready, { ...approved, id: 2 });
  assert.equal((await login.result).jwt, 'jwt.of.alice');
  await assert.rejects(first, { code: 'expired' });
  assert.equal(r.requests(/cancel$/).length, 0);
});

test('a listener may cancel or restart in the middle of being told', async (t) => {
  const r = rig(t);
  const login = r.login();
  login.addEventListener('state', () => {
    if (login.state.name === 'pending') login.cancel();
  });
  await until('the end', () => login.state.name === 'cancelled');
  await settle();
  assert.equal(r.sockets.length, 0);
  assert.equal(r.requests(/cancel$/).length, 1);
});

test('when the time is up and the server cannot be asked, the login has expired', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  r.on(/./, gone);
  await r.tick(122_900);
  assert.equal(login.state.name, 'pending', 'the server has the first word');
  await r.tick(200);
  assert.deepEqual(login.state, { name: 'expired' });
});

test('when the time is up the server is asked, and its word counts', async (t) => {
  const r = rig(t);
  const login = await r.pending();
  await r.tick(123_000);
  assert.equal(login.state.name, 'pending', 'the server says that it is open');
  r.on(/^GET \/auth\/session\/\w+$/, () => json({ status: 'approved', messages: [{ ...approved, id: 2 }] }));
  await r.tick(5000);
  assert.equal(login.state.name, 'approved');
});

test('a session forgotten after its time has expired, one forgotten before is lost', async (t) => {
  for (const [wait, name] of [[1000, 'failed'], [121_000, 'expired']] as const) {
    await t.test(name, async (t) => {
      const r = rig(t);
      const login = await r.pending();
      await r.tick(wait);
      r.socket().end(4004);
      assert.equal(login.state.name, name);
    });
  }
});

test('the end is told in this machine\'s time, when the server\'s clock can be read', async (t) => {
  const cases: [string, string | undefined, number][] = [
    ['server a minute ahead', 'Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['not to be read', undefined, 120_000],
    ['far behind', 'Wed, 31 Dec 2025 00:00:00 GMT', 600_000],
    ['far ahead', 'Fri, 02 Jan 2026 00:00:00 GMT', 0],
  ];
  for (const [name, date, left] of cases) {
    await t.test(name, async (t) => {
      const r = rig(t);
      r.on(/initiate/, () => json(started(), 200, date ? { Date: date } : {}));
      const login = await r.pending();
      assert.equal(as(login.state, 'pending').endsAt, Date.now() + left);
    });
  }
});

test('a session that a back end started gets the server\'s clock by asking', async (t) => {
  const r = rig(t);
  r.on(/^GET \/auth\/session\/\w+$/, () => json({ status: 'pending', messages: [] }, 200, { Date: 'Thu, 01 Jan 2026 00:01:00 GMT' }));
  const login = await r.pending({ start: () => Promise.resolve(started()) });
  await settle();
  assert.equal(as(login.state, 'pending').endsAt, Date.now() + 60_000);
});

test('debug lines tell the steps and no secret', async (t) => {
  const r = rig(t);
  const lines: string[] = [];
  const login = await r.pending({ debug: (line) => lines.push(line), sameDevice: true });
  const verifier = r.socket().protocols[2]!.replace('verifier.', '');
  await login.qrText();
  await login.handoverLink();
  login.handedOver();
  r.socket().end(1006);
  await r.tick(300);
  r.socket().say(ready, claimed, wrongCode);
  r.socket().end(1006);
  await r.tick(500);
  r.socket().say(ready, { ...approved, id: 4 });
  const all = lines.join('\n');
  for (const step of ['starting', 'websocket: open', 'message 2: claimed', 'closed 1006', 'state approved']) assert.ok(all.includes(step), step);
  for (const secret of [token, verifier, '482913', 'jwt.of.alice', 'the-hash', 'the-random', qrKey, started().random!]) assert.ok(!all.includes(secret), secret);
});

test('a result that nobody reads raises nothing', async (t) => {
  const raised: unknown[] = [];
  const note = (e: unknown): void => void raised.push(e);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  const r = rig(t);
  const login = await r.pending();
  login.restart();
  login.cancel();
  await settle();
  assert.deepEqual(raised, []);
});
