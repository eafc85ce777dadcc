// What the judges of the Web Authenticator API do as a back end, as a client, and as the user in a page.
import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { listen } from './protocol.mjs';
import { Browser } from './waapi-page.mjs';

export const scopes = ['identity:name'];
export const payment = {
  name: 'authorize_payment', data: 'A1*A100EUR*IDE89370400440532013000*NRent',
  form: { title: 'Payment', greeting: 'Hello', summary: 'Rent to Bob', attributes: [{ type: 'AMOUNT', id: 'amount', label: 'Amount', amount: '100', currency: 'EUR' }] },
};

/** The shop's back end asks for something. */
export async function desk(world, method, path, body, client = 'secret') {
  const { id, secret } = world.clients[client];
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const answer = await new Browser(world).request(method, path, {
    headers: { authorization, ...body && { 'content-type': 'application/json' } }, body: body && JSON.stringify(body),
  });
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
}

/** The shop begins an operation; gives its id. */
export async function order(world, members, client) {
  const { operationId, result, steps, expiresAt } = await desk(world, 'POST', '/operations', members, client);
  assert.match(operationId, /^op_[\w-]{22}$/);
  assert.equal(result, 'CONTINUE');
  assert.ok(Array.isArray(steps) && Date.parse(expiresAt) > Date.now());
  return operationId;
}

/** The shop begins an operation, and its user opens the page. */
export async function opened(world, members = payment, browser = new Browser(world), client = 'secret') {
  return browser.open(await order(world, members, client));
}

/** A client begins a login; gives the page where that leads. */
export async function login(world, browser = new Browser(world)) {
  const { issuer, clients } = world;
  const parameters = new URLSearchParams({
    response_type: 'code', client_id: clients.open.id, redirect_uri: clients.open.redirect, scope: 'openid identity:name', state: 'here',
    code_challenge: createHash('sha256').update(randomBytes(32).toString('base64url')).digest('base64url'), code_challenge_method: 'S256',
  });
  const { headers, set } = await browser.request('GET', `/oidc/authorize?${parameters}`);
  const to = new URL(headers.location, issuer);
  assert.equal(to.origin + to.pathname, `${issuer}/login`);
  return { page: await browser.open(to.searchParams.get('operation')), set };
}

/**
 * Takes step after step until the operation has ended, by the first method that is offered, or by the one given. Gives the last
 * answer, and what was taken.
 */
export async function drive(world, page, { phone = 'approve', by } = {}) {
  const taken = [];
  let answer = await page.send('init');
  for (let rounds = 0; answer.type === 'init'; rounds += 1) {
    assert.ok(rounds < 20, `this does not end: ${taken}`);
    const { methods, review } = answer.data;
    const method = (methods.find(({ id }) => id === by) ?? methods[0]).id;
    taken.push(review ? 'review' : method);
    if (review) answer = await page.send('choose', { method });
    else answer = await take[method](world, page, phone);
    if (answer.type === 'status') answer = await page.send('init');
  }
  assert.ok(answer.type === 'complete' || answer.type === 'cancel', JSON.stringify(answer));
  return { answer, taken };
}

/** How each method is taken by a user who has everything. */
export const take = {
  identify: (world, page) => page.send('start', { method: 'identify', user: world.user }),
  async device(world, page, phone) {
    const { session, ended } = await page.device();
    await world.decide(session.autoPassword, { phone, scopes: phone === 'approve' ? scopes : [] });
    const last = await ended;
    if (phone === 'approve') assert.deepEqual(Object.keys(last).sort(), ['id', 'type'], 'the page gets no token');
    return page.send('status');
  },
  async offline(world, page) {
    const { qr } = await page.start('offline');
    return page.send('verify', { code: await world.offline(qr) });
  },
  async consent(world, page) {
    const { options } = await page.start('consent');
    return page.send('verify', { options: Object.fromEntries(options.map(({ id, required }) => [id, required])) });
  },
  async message(world, page) {
    await page.start('message');
    return page.send('verify', { otp: await world.messages.code() });
  },
};

/** What the page draws, so many seconds after the session began (§6). */
export function movingCode({ sessionId, qrKey, qrUrl }, t) {
  const c = createHmac('sha256', Buffer.from(qrKey, 'base64url')).update(`countersign-qr-v1\n${sessionId}\n${t}`).digest('base64url').slice(0, 16);
  return `${qrUrl}?t=${t}&c=${c}`;
}

/** The gateway that brings messages to people. */
export function gateway() {
  const all = listen();
  return {
    code: async () => {
      const { url, body } = await all.next();
      assert.ok(url.endsWith('/message'), url);
      return JSON.parse(body).data.code;
    },
    close: () => all.close(),
  };
}

/** Another code of the same length. */
export const otherThan = (code) => `${(Number(code[0]) + 1) % 10}${code.slice(1)}`;

/**
 * Types what is wrong until the method is off, and counts: on the way every answer is a failure that says how often it can
 * still be tried. Gives those answers, and what the operation is shown as then.
 */
export async function exhaust(page, wrong) {
  const told = [];
  for (;;) {
    const answer = await page.send('verify', wrong);
    if (answer.type !== 'failure') return { told, last: answer };
    told.push(answer.data.remainingAttempts);
    assert.ok(told.length < 10, JSON.stringify([told, answer]));
    if (answer.data.remainingAttempts === 0 || answer.data.location) return { told, last: await page.send('init') };
  }
}
