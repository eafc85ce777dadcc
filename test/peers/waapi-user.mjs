// What the judges of the Web Authenticator API do as a back end, as a client, and as the user in a page.
import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { Browser } from './waapi-page.mjs';

export const scopes = ['identity:name'];
export const payment = {
  name: 'authorize_payment', data: 'A1*A100EUR*IDE89370400440532013000*NRent',
  form: { title: 'Payment', greeting: 'Hello', summary: 'Rent to Bob', attributes: [{ type: 'AMOUNT', id: 'amount', label: 'Amount', amount: '100', currency: 'EUR' }] },
};

/** The shop's back end asks for something. */
export async function desk(world, method, path, body) {
  const { id, secret } = world.clients.secret;
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const answer = await new Browser(world).request(method, path, {
    headers: { authorization, ...body && { 'content-type': 'application/json' } }, body: body && JSON.stringify(body),
  });
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
}

/** The shop begins an operation; gives its id. */
export async function order(world, members) {
  const { operationId, result, steps, expiresAt } = await desk(world, 'POST', '/operations', members);
  assert.match(operationId, /^op_[\w-]{22}$/);
  assert.equal(result, 'CONTINUE');
  assert.ok(Array.isArray(steps) && Date.parse(expiresAt) > Date.now());
  return operationId;
}

/** The shop begins an operation, and its user opens the page. */
export async function opened(world, members = payment, browser = new Browser(world)) {
  return browser.open(await order(world, members));
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

/** Takes step after step until the operation has ended, with the methods that it offers; the last answer, and the methods taken. */
export async function drive(world, page, { phone = 'approve' } = {}) {
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
export const take = {
  identify: (world, page) => page.send('start', { method: 'identify', user: world.user }),
  async device(world, page, phone) {
    const { session, ended } = await page.device();
    await world.decide(session.autoPassword, { phone, scopes: phone === 'approve' ? scopes : [] });
    const last = await ended;
    if (phone === 'approve') assert.deepEqual(Object.keys(last).sort(), ['id', 'type'], 'the page gets no token');
    return page.send('status');
  },
};

/** What the page draws, so many seconds after the session began (§6). */
export function movingCode({ sessionId, qrKey, qrUrl }, t) {
  const c = createHmac('sha256', Buffer.from(qrKey, 'base64url')).update(`countersign-qr-v1\n${sessionId}\n${t}`).digest('base64url').slice(0, 16);
  return `${qrUrl}?t=${t}&c=${c}`;
}
