// A client of the Web Authenticator API, which was written from the contract's words alone (waapi-page.mjs), judges it.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { judge } from './protocol.mjs';
import { Browser, check, noCORS } from './waapi-page.mjs';

const scopes = ['identity:name'];
const payment = {
  name: 'authorize_payment', data: 'A1*A100EUR*IDE89370400440532013000*NRent',
  form: { title: 'Payment', greeting: 'Hello', summary: 'Rent to Bob', attributes: [{ type: 'AMOUNT', id: 'amount', label: 'Amount', amount: '100', currency: 'EUR' }] },
};

/** The shop's back end asks for something. */
async function desk({ issuer, clients }, method, path, body) {
  const { id, secret } = clients.secret;
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const answer = await new Browser(issuer).request(method, path, {
    headers: { authorization, ...body && { 'content-type': 'application/json' } }, body: body && JSON.stringify(body),
  });
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
}

/** The shop begins an operation; gives its id. */
async function order(world, members) {
  const { operationId, result, steps, expiresAt } = await desk(world, 'POST', '/operations', members);
  assert.match(operationId, /^op_[\w-]{22}$/);
  assert.equal(result, 'CONTINUE');
  assert.ok(Array.isArray(steps) && Date.parse(expiresAt) > Date.now());
  return operationId;
}

/** The shop begins an operation, and its user opens the page. */
async function opened(world, members = payment, browser = new Browser(world.issuer)) {
  return browser.open(await order(world, members));
}

/** A client begins a login; gives the page where that leads. */
async function login({ issuer, clients }, browser = new Browser(issuer)) {
  const parameters = new URLSearchParams({
    response_type: 'code', client_id: clients.open.id, redirect_uri: clients.open.redirect, scope: 'openid identity:name', state: 'here',
    code_challenge: createHash('sha256').update(randomBytes(32).toString('base64url')).digest('base64url'), code_challenge_method: 'S256',
  });
  const { headers, set } = await browser.request('GET', `/oidc/authorize?${parameters}`);
  const to = new URL(headers.location, issuer);
  assert.equal(to.origin + to.pathname, `${issuer}/login`);
  return { page: await browser.open(to.searchParams.get('operation')), set };
}

/** Takes step after step until the operation has ended, with the methods that it offers; the last answer, and the methods taken. */
async function drive(world, page, { phone = 'approve' } = {}) {
  const taken = [];
  let answer = await page.send('init');
  for (let rounds = 0; answer.type === 'init'; rounds += 1) {
    assert.ok(rounds < 20, `this does not end: ${taken}`);
    const { methods, review } = answer.data;
    const method = methods[0].id;
    taken.push(review ? 'review' : method);
    if (review) answer = await page.send('choose', { method });
    else answer = await take[method](world, page, phone);
    if (answer.type === 'status') answer = await page.send('init');
  }
  assert.ok(answer.type === 'complete' || answer.type === 'cancel', JSON.stringify(answer));
  return { answer, taken };
}

/** How each method is taken by a user who has everything. */
const take = {
  identify: (world, page) => page.send('start', { method: 'identify', user: world.user }),
  async device(world, page, phone) {
    const { session, ended } = await page.device();
    await world.decide(session.autoPassword, { phone, scopes: phone === 'approve' ? scopes : [] });
    const last = await ended;
    if (phone === 'approve') assert.deepEqual(Object.keys(last).sort(), ['id', 'type'], 'the page gets no token');
    return page.send('status');
  },
};

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
  async 'a login that a client began'(world) {
    const { page } = await login(world);
    const { answer, taken } = await drive(world, page);
    assert.deepEqual(taken, ['identify', 'device']);
    assert.equal(answer.type, 'complete');
    for (const type of ['status', 'init', 'cancel']) assert.deepEqual((await page.send(type)).data, answer.data, type);
    let { headers: { location } } = await page.browser.request('GET', answer.data.location);
    if (location.startsWith(world.issuer)) ({ headers: { location } } = await page.browser.request('GET', location));
    assert.ok(location.startsWith(`${world.clients.open.redirect}?`), location);
    assert.equal(new URL(location).searchParams.get('state'), 'here');
    assert.ok(new URL(location).searchParams.get('code'));
  },

  async 'an order of a back end'(world) {
    const page = await opened(world);
    const { answer, taken } = await drive(world, page);
    assert.deepEqual(taken, ['identify', 'review', 'device']);
    assert.equal(answer.type, 'complete');
    const end = await desk(world, 'GET', `/operations/${page.operationId}`);
    assert.equal(end.result, 'DONE');
    assert.ok(end.proof && end.history.length > 0);
  },

  async 'an order that says who is asked, and is declined'(world) {
    const page = await opened(world, { ...payment, tokenId: world.user });
    const { answer, taken } = await drive(world, page, { phone: 'deny' });
    assert.deepEqual(taken, ['review', 'device']);
    assert.equal(answer.type, 'cancel');
    assert.equal((await desk(world, 'GET', `/operations/${page.operationId}`)).result, 'FAILED');
  },

  async 'a page that is loaded again is at its step, and shows the form'(world) {
    const page = await opened(world);
    const steps = [await page.init(), await page.init()];
    await page.start('identify', { user: world.user });
    steps.push(await page.init(), await page.init());
    await page.get('choose', { method: 'device' }, 'init');
    const again = await page.browser.open(page.operationId);
    steps.push(await page.init(), await again.init());
    for (const i of [0, 2, 4]) assert.deepEqual(steps[i + 1], steps[i]);
    assert.equal(new Set(steps.map(({ step }) => step)).size, 3);
    for (const { form, name, service } of steps) {
      assert.deepEqual(form, payment.form);
      assert.equal(name, payment.name);
      assert.equal(service.id, world.clients.secret.id);
    }
    const { step, result } = await again.get('status', {}, 'status');
    assert.deepEqual([step, result], [steps[4].step, 'CONTINUE']);
  },

  async 'a phone that declines a login is asked again, and the user gives up'(world) {
    const { page } = await login(world);
    await page.start('identify', { user: world.user });
    await take.device(world, page, 'deny');
    const { result, stepResult } = await page.get('status', {}, 'status');
    assert.deepEqual([result, stepResult], ['CONTINUE', 'CANCELED']);
    await page.init();
    const { location } = await page.get('cancel', {}, 'cancel');
    for (const type of ['cancel', 'status', 'init', 'cancel']) assert.deepEqual((await page.get(type, {}, 'cancel')).location, location);
    const { headers } = await page.browser.request('GET', location);
    assert.ok(headers.location.startsWith(`${world.clients.open.redirect}?`), headers.location);
    assert.equal(new URL(headers.location).searchParams.get('error'), 'access_denied');
  },

  async 'tries run out, and every one is counted'(world) {
    const { page } = await login(world);
    let { remainingAttempts: left } = await page.start('identify', { user: world.user });
    assert.ok(left > 0 && left < 20, 'a bound is told');
    for (let answer; ; left -= 1) {
      answer = await take.device(world, page, 'deny');
      if (answer.type === 'status') answer = await page.send('init');
      if (answer.type === 'cancel') break;
      assert.equal(answer.data.remainingAttempts, left - 1);
    }
    assert.equal(left, 1, 'it ended at the last');
  },

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
    const [mine, other] = [new Browser(world.issuer), new Browser(world.issuer)];
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
    for (const [name, browser] of Object.entries({ other, none: new Browser(world.issuer) })) {
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

  async 'another operation in the same browser ends the one before it'(world) {
    const { page: first } = await login(world);
    await drive(world, first); // now there is a browser login
    await first.browser.request('GET', (await first.send('status')).data.location);
    const old = await opened(world, payment, first.browser);
    await old.init();
    const newer = await opened(world, payment, first.browser);
    await old.get('status', {}, 'status'); // which is only at the first init of the other
    await newer.init();
    await old.get('status', {}, 'cancel');
    assert.equal((await desk(world, 'GET', `/operations/${old.operationId}`)).result, 'FAILED');
    assert.equal((await drive(world, newer)).answer.type, 'complete');
  },

  async 'the cookie is for this server alone'(world) {
    const browser = new Browser(world.issuer);
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
