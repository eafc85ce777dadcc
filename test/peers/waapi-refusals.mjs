// What the Web Authenticator API does not take, whom it does not know, and what nobody learns from it, by the contract's words.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { judge } from './protocol.mjs';
import { Browser, check, noCORS } from './waapi-page.mjs';
import { drive, login, opened, order, payment } from './waapi-user.mjs';

/** An answer of section 2. */
function refused({ status, headers, text }, expected, code, detail = /./) {
  assert.equal(status, expected, text);
  assert.match(headers['content-type'], /^application\/problem\+json/);
  const problem = JSON.parse(text);
  assert.equal(problem.code, code);
  assert.equal(problem.status, expected);
  assert.ok(problem.type.endsWith(code) && problem.title !== '' && problem.requestId !== '');
  assert.match(problem.detail, detail);
  noCORS(headers);
}

/** What is taken by nobody. */
async function notTaken(page, type, data, body) {
  const answer = await page.send(type, data, body);
  assert.equal(answer.success, false, `${type} was taken: ${JSON.stringify(answer)}`);
  return answer;
}

await judge({
  async 'names look alike'(world) {
    const seen = [];
    for (const user of [world.user, `tok_${randomBytes(16).toString('base64url')}`, 'nobody']) {
      const { page } = await login(world);
      const { operationId, webSocketId, expiresAt, ...rest } = await page.start('identify', { user });
      const { session } = await page.device();
      const { step, ...status } = await page.get('status', {}, 'status');
      seen.push({ rest, session: { ...session, sessionId: '', autoPassword: '', wsToken: '', wsUrl: '', qrKey: '', qrUrl: '', expiresAt: '' }, step, status });
      assert.ok(!JSON.stringify(rest).includes(user));
      await page.get('cancel', {}, 'cancel');
    }
    assert.deepEqual(seen[1], seen[0]);
    assert.deepEqual(seen[2], seen[0]);
  },

  async 'another browser sees what it sees of no operation'(world) {
    const id = await order(world, payment);
    const [mine, other] = [new Browser(world), new Browser(world)];
    const unknown = `op_${randomBytes(16).toString('base64url')}`;
    const put = async (browser, operation, type) => {
      const { status, text } = await browser.put(operation, { type });
      assert.equal(status, 200, text);
      const answer = check(type, {}, JSON.parse(text));
      assert.equal(answer.success, false);
      return answer;
    };
    assert.deepEqual(await put(mine, id, 'init'), await put(mine, unknown, 'init')); // before the page is loaded
    const page = await mine.open(id);
    await other.open((await opened(world, payment, other)).operationId);
    const { status } = await other.request('GET', `/login?operation=${id}`);
    assert.notEqual(status, 200);
    for (const [name, browser] of Object.entries({ other, none: new Browser(world) })) {
      for (const type of ['init', 'status', 'cancel', 'start', 'verify', 'choose', 'complete', 'failure']) {
        const answer = await put(browser, id, type);
        for (const nobody of [unknown, 'op_1', 'x'.repeat(64)]) assert.deepEqual(answer, await put(browser, nobody, type), `${name} ${type}`);
      }
    }
    await page.init(); // and nothing was cancelled
  },

  async 'only its own pages speak to it, and nobody else reads'(world) {
    const { operationId, browser } = await opened(world);
    const body = { type: 'init', data: {} };
    for (const origin of ['null', 'https://evil.example', `${world.issuer}.evil.example`, new URL(world.clients.open.redirect).origin, 'http://localhost']) {
      refused(await browser.put(operationId, body, { origin }), 403, 'origin_not_allowed');
      const { headers } = await browser.request('OPTIONS', `/authn/${operationId}`, {
        headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'content-type' },
      });
      noCORS(headers);
    }
    const answer = await browser.put(operationId, body);
    noCORS(answer.headers);
    assert.equal(JSON.parse(answer.text).success, true);
  },

  async 'what is malformed says where, and loses nothing'(world) {
    const page = await opened(world);
    const nested = (n) => `${'['.repeat(n)}${']'.repeat(n)}`;
    const cases = [
      ['', /type/], ['{}', /type/], ['[]', /./], ['"init"', /./], ['null', /./], ['{"type":"init"', /./], ['{"type":"init"} {}', /./], ['{"type":"init"}x', /./],
      ['{"type":null}', /type/], ['{"type":7}', /type/], ['{"Type":"init"}', /type/], ['{"type":"init","data":null}', /data/], ['{"type":"init","data":"secret7"}', /data/],
      ['{"type":"init","type":"init"}', /./], ['{"type":"init","data":{},"data":{}}', /./], ['{"type":"init","data":{"x":1,"x":1}}', /./],
      [`{"type":"init","more":${nested(8)}}`, /./],
      ['{"type":"start","data":{"method":7}}', /method/], ['{"type":"start","data":{"method":"identify","user":["secret7"]}}', /user/],
      ['{"type":"start","data":{"method":"device","challenge":"x","scan":"secret7"}}', /scan/], ['{"type":"start","data":{"method":"device","challenge":null}}', /challenge/],
      ['{"type":"verify","data":{"otp":123456}}', /otp/], ['{"type":"verify","data":{"code":null}}', /code/], ['{"type":"verify","data":{"options":7}}', /options/],
      ['{"type":"verify","data":{"options":{"a":"secret7"}}}', /options/], ['{"type":"verify","data":{"options":{"a":null}}}', /options/],
      ['{"type":"verify","data":{"assertion":null}}', /assertion/], ['{"type":"verify","data":{"assertion":"secret7"}}', /assertion/],
      ['{"type":"verify","data":{"assertion":{"a":1,"a":2}}}', /./],
      ['{"type":"verify","data":{"code":"1","grantedScopes":null}}', /grantedScopes/], ['{"type":"verify","data":{"code":"1","grantedScopes":"secret7"}}', /grantedScopes/],
      ['{"type":"verify","data":{"code":"1","grantedScopes":["secret7","secret7"]}}', /grantedScopes/], ['{"type":"verify","data":{"code":"1","grantedScopes":[7]}}', /grantedScopes/],
      [Buffer.from('{"type":"init","more":"\xff"}', 'latin1'), /./], ['{"type":"init","more":"\\ud800"}', /./],
    ];
    for (const [body, detail] of cases) {
      const answer = await page.browser.put(page.operationId, body);
      refused(answer, 400, 'invalid_request', detail);
      assert.ok(!answer.text.includes('secret7'), 'no value is said');
    }
    const long = (bytes) => { const rest = '{"type":"init","more":""}'; return rest.replace('""', `"${'x'.repeat(bytes - rest.length)}"`); };
    refused(await page.browser.put(page.operationId, long(16 * 1024 + 1)), 413, 'too_large');
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp']) {
      refused(await page.browser.put(page.operationId, { type: 'init' }, { 'content-type': type }), 415, 'unsupported_media_type');
    }
    for (const [body, headers] of [
      [long(16 * 1024)], [{ type: 'init', more: 1, data: { more: null } }], [{ type: 'init' }], [`{"type":"init","more":${nested(7)}}`],
      [{ type: 'init' }, { 'content-type': 'application/json; charset=utf-8' }], [' {"type":"init"}\n'],
    ]) {
      const { status, text } = await page.browser.put(page.operationId, body, headers);
      assert.equal(status, 200, text);
      assert.equal(check('init', {}, JSON.parse(text)).type, 'init');
    }
  },

  async 'what a page may not send now changes nothing'(world) {
    const page = await opened(world);
    const before = await page.init();
    for (const type of ['complete', 'failure', 'reply', 'INIT']) await notTaken(page, type, {});
    const challenge = createHash('sha256').update('x').digest('base64url');
    for (const data of [{}, { method: 'review' }, { method: 'nothing' }, { method: 'message' }, { method: 'offline' }, { method: 'consent' }]) await notTaken(page, 'start', data);
    for (const data of [{}, { otp: '123456' }, { code: '12345678' }, { options: {} }]) await notTaken(page, 'verify', data);
    await notTaken(page, 'choose', { method: 'device' });
    await page.start('identify', { user: world.user });
    await notTaken(page, 'start', { method: 'device', challenge }); // nothing was reviewed
    await page.get('choose', { method: 'device' }, 'init');
    await notTaken(page, 'choose', { method: 'device' });
    for (const wrong of [undefined, 'x', `${challenge}=`]) await notTaken(page, 'start', { method: 'device', challenge: wrong });
    assert.equal(before.name, (await page.init()).name);
  },

  async 'what a user gets wrong is told them, and the step stays'(world) {
    const page = await opened(world);
    const { step } = await page.init();
    for (const user of ['', ' ']) {
      await page.get('start', { method: 'identify', user }, 'failure');
      assert.equal((await page.init()).step, step);
    }
    const review = await page.start('identify', { user: world.user });
    for (const method of ['nothing', 'consent', '']) {
      await page.get('choose', { method }, 'failure');
      assert.deepEqual(await page.init(), review);
    }
  },

  async 'the cookie is for this server alone'(world) {
    const browser = new Browser(world);
    const { set } = await browser.request('GET', `/login?operation=${await order(world, payment)}`);
    const { set: fromLogin } = await login(world);
    for (const cookies of [set, fromLogin]) {
      assert.equal(cookies.length, 1);
      const [pair, ...flags] = cookies[0].split(/;\s*/);
      const names = flags.map((flag) => flag.toLowerCase());
      assert.ok(names.includes('httponly') && names.includes('path=/') && names.some((flag) => /^samesite=(lax|strict)$/.test(flag)), cookies[0]);
      assert.ok(!names.some((flag) => flag.startsWith('domain')), cookies[0]);
      assert.equal(names.includes('secure'), world.issuer.startsWith('https:'));
      assert.equal(pair.startsWith('__Host-'), world.issuer.startsWith('https:'));
    }
  },
});
