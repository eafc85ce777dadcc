// standardwebhooks, the library of the specification's authors, verifies what a back end is told of its sessions and operations.
import assert from 'node:assert/strict';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { judge, listen } from './protocol.mjs';

/** A request of the back end, which is not the library's to make. */
async function post({ issuer, at = issuer, clients: { hooked } }, path, body) {
  const response = await fetch(at + path, {
    method: 'POST', body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', Authorization: `Basic ${Buffer.from(`${hooked.id}:${hooked.secret}`).toString('base64')}` },
  });
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
}

/** What the back end is told next, as the library reads it under each of the secrets. */
async function verified(backEnd, { clients: { hooked } }) {
  const { method, url, headers, body } = await backEnd.next();
  assert.deepEqual([method, url, headers['content-type']], ['POST', hooked.hook, 'application/json']);
  const [event, same] = hooked.signed.map((secret) => new Webhook(secret).verify(body, headers));
  assert.deepEqual(event, same);
  assert.match(event.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  return { event, body, headers, id: headers['webhook-id'] };
}

const refused = (secret, body, headers) => assert.throws(() => new Webhook(secret).verify(body, headers), WebhookVerificationError);

await judge({
  async 'a login is approved'(world) {
    const backEnd = listen();
    const { sessionId, autoPassword } = await post(world, '/auth/initiate', { tokenId: world.user });
    await world.decide(autoPassword);
    const { event: { type, data } } = await verified(backEnd, world);
    const { jti, ...rest } = data;
    assert.equal(type, 'session.approved');
    assert.deepEqual(rest, { sessionId, serviceId: world.clients.hooked.id, status: 'approved', sub: world.user });
    assert.match(jti, /^[\w-]{22,}$/);
    backEnd.close();
  },

  async 'a login is declined, and nobody is named'(world) {
    const backEnd = listen();
    const { sessionId, autoPassword } = await post(world, '/auth/initiate', { tokenId: world.user });
    await world.decide(autoPassword, { phone: 'deny' });
    const { event: { type, data } } = await verified(backEnd, world);
    assert.deepEqual([type, data], ['session.rejected', { sessionId, serviceId: world.clients.hooked.id, status: 'rejected' }]);
    backEnd.close();
  },

  async 'an order is cancelled, and told again until it was taken'(world) {
    const backEnd = listen(503, 400);
    const { operationId } = await post(world, '/operations', {
      name: 'authorize_payment', tokenId: world.user, data: 'A1*A100EUR', form: { title: 'Payment' }, externalId: 'order-1042' });
    await post(world, `/operations/${operationId}/cancel`, {});
    const [first, second, third] = [await verified(backEnd, world), await verified(backEnd, world), await verified(backEnd, world)];
    assert.deepEqual([first.event.type, first.event.data], ['operation.failed', {
      operationId, serviceId: world.clients.hooked.id, name: 'authorize_payment', externalId: 'order-1042', result: 'FAILED' }]);
    for (const again of [second, third]) assert.deepEqual([again.id, again.body], [first.id, first.body]);
    backEnd.close();
  },

  async 'what was changed on the way, or signed by another, is refused'(world) {
    const backEnd = listen();
    const { sessionId } = await post(world, '/auth/initiate', {});
    await post(world, `/auth/session/${sessionId}/cancel`, {});
    const { event, body, headers } = await verified(backEnd, world);
    assert.equal(event.type, 'session.cancelled');
    const [secret] = world.clients.hooked.signed;
    refused(secret, body.replace('cancelled', 'approved'), headers);
    refused(secret, body, { ...headers, 'webhook-id': 'another' });
    refused(secret, body, { ...headers, 'webhook-timestamp': String(headers['webhook-timestamp'] - 301) });
    refused(`whsec_${Buffer.alloc(32).toString('base64')}`, body, headers);
    backEnd.close();
  },
});
