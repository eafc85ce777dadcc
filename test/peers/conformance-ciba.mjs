// The modules of the plan "FAPI-CIBA" of the OpenID Foundation's conformance suite that are about more than signed requests,
// which there are none of here, and mutual TLS, in whose place is DPoP; played by their names, one client polling and one being
// told. docs/conformance.md has those that are not here, and why.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { judge, listen } from './protocol.mjs';
import { assertion, call, granted, now, open, random, refresh, refused, told } from './conformance.mjs';

const ask = (p, form, options) => call(p, p.as.backchannel_authentication_endpoint, {
  scope: 'openid', login_hint: p.world.user, client_notification_token: p.client.ping && random(), ...form,
}, options);

const poll = (p, id, options) => call(p, p.as.token_endpoint, { grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id: id }, options);

/** A request that was taken. */
async function begin(p, form) {
  const { status, body } = await ask(p, form);
  assert.equal(status, 200, JSON.stringify(body));
  assert.ok(body.auth_req_id.length >= 27 && /^[\w.~-]+$/.test(body.auth_req_id), 'CIBA Core §7.3'); // 160 bits
  assert.ok(Number.isInteger(body.expires_in) && body.expires_in > 0 && Number.isInteger(body.interval));
  return body;
}

/** The phone approves a request, and the client has its tokens. */
async function approved(p, begun, scopes = []) {
  await p.world.decide(begun.autoPassword, { scopes });
  return granted(p, await poll(p, begun.auth_req_id));
}

/** A module that is a request with something which must change nothing. */
const succeeds = (form) => async (world) => {
  const p = await open(world, 'fapi');
  const { claims } = await approved(p, await begin(p, form));
  assert.equal(claims.sub, world.user);
};

/** A module about who asks, at either endpoint; a request that is polled for wrongly is not lost. */
const unasked = (changed) => async (world) => {
  const p = await open(world, 'fapi');
  refused(await ask(p, {}, { who: changed(p) }), 'invalid_client', 'invalid_request');
};

const unpolled = (changed) => async (world) => {
  const p = await open(world, 'fapi');
  const begun = await begin(p);
  refused(await poll(p, begun.auth_req_id, { who: changed(p) }), 'invalid_client', 'invalid_request');
  await approved(p, begun);
};

const anothers = (p) => assertion({ as: p.as, client: { ...p.world.clients.fapi2, keys: p.client.keys } });
const byRS256 = (p) => assertion(p, { by: 'PS256', header: { alg: 'RS256' } });

/** A module about what a client's endpoint answers: it is told, perhaps again, and gets its tokens in any case. */
const pinged = (answer, times) => async (world) => {
  const p = await open(world, 'fapi2');
  const backEnd = listen(answer);
  const token = random();
  const begun = await begin(p, { client_notification_token: token });
  await p.world.decide(begun.autoPassword);
  for (let n = 0; n < times; n++) {
    const { method, url, headers, body } = await backEnd.next();
    assert.deepEqual([method, url, headers.authorization, headers['content-type']], ['POST', p.client.ping, `Bearer ${token}`, 'application/json']);
    assert.deepEqual(JSON.parse(body), { auth_req_id: begun.auth_req_id });
  }
  await granted(p, await poll(p, begun.auth_req_id));
  backEnd.close();
};

await judge({
  async 'fapi-ciba-id1-discovery-end-point-verification'(world) {
    const { as } = await open(world, 'fapi');
    assert.ok(as.backchannel_authentication_endpoint.startsWith(`${as.issuer}/`));
    assert.deepEqual([as.backchannel_token_delivery_modes_supported, as.backchannel_user_code_parameter_supported], [['poll', 'ping'], false]);
    assert.ok(as.grant_types_supported.includes('urn:openid:params:grant-type:ciba'));
    assert.equal(as.backchannel_authentication_request_signing_alg_values_supported, undefined); // none are taken
  },
  async 'fapi-ciba-id1'(world) {
    const [one, two] = [await open(world, 'fapi'), await open(world, 'fapi2')];
    for (const p of [one, two]) {
      const backEnd = p.client.ping && listen();
      const begun = await begin(p, { scope: 'openid email', requested_expiry: '120', acr_values: p.as.acr_values_supported.join(' ') });
      const tokens = await approved(p, begun, ['identity:email']);
      await backEnd?.next();
      assert.deepEqual(await told(p, tokens), { email: 'alice@bank.example' });
      assert.ok(p.as.acr_values_supported.includes(tokens.claims.acr) && now() - tokens.claims.auth_time < 30);
      refused(await poll(p, begun.auth_req_id), 'invalid_grant'); // it counts once
      refused(await poll(p, random()), 'invalid_grant');
      backEnd?.close();
    }
    refused(await ask(two, { client_notification_token: undefined }), 'invalid_request');
  },
  async 'fapi-ciba-id1-user-rejects-authentication'(world) {
    const p = await open(world, 'fapi');
    const begun = await begin(p);
    await world.decide(begun.autoPassword, { phone: 'deny' });
    refused(await poll(p, begun.auth_req_id), 'access_denied');
  },
  async 'fapi-ciba-id1-multiple-call-to-token-endpoint'(world) {
    const p = await open(world, 'fapi');
    const begun = await begin(p);
    refused(await poll(p, begun.auth_req_id), 'authorization_pending');
    for (let n = 0; n < 3; n++) refused(await poll(p, begun.auth_req_id), 'authorization_pending', 'slow_down');
    await approved(p, begun);
  },
  async 'fapi-ciba-id1-auth-req-id-expired'(world) {
    const p = await open(world, 'fapi');
    const begun = await begin(p, { requested_expiry: '10' });
    for (;;) {
      const answer = await poll(p, begun.auth_req_id);
      if (!['authorization_pending', 'slow_down'].includes(answer.body.error)) {
        refused(answer, 'expired_token');
        return;
      }
      await pause(500);
    }
  },
  'fapi-ciba-id1-ensure-authorization-request-with-binding-message-succeeds': succeeds({ binding_message: '1234' }),
  'fapi-ciba-id1-ensure-other-scope-order-succeeds': succeeds({ scope: 'email openid' }),
  'fapi-ciba-id1-ensure-requested-expiry-as-string-succeeds': succeeds({ requested_expiry: '300' }), // a form has nothing else
  async 'fapi-ciba-id1-ensure-authorization-request-with-potentially-bad-binding-message'(world) {
    const p = await open(world, 'fapi');
    refused(await ask(p, { binding_message: 'Příliš žluťoučký kůň 你好 🐎 '.repeat(4) }), 'invalid_binding_message');
    refused(await ask(p, { binding_message: 'Pay\u202e4321' }), 'invalid_binding_message');
    await approved(p, await begin(p, { binding_message: 'Příliš žluťoučký kůň 你好 🐎' }));
  },
  async 'fapi-ciba-id1-ensure-authorization-request-with-multiple-hints-fails'(world) {
    const p = await open(world, 'fapi');
    const { id_token: hint } = await approved(p, await begin(p));
    refused(await ask(p, { id_token_hint: hint }), 'invalid_request');
    refused(await ask(p, { login_hint: undefined }), 'invalid_request');
    await approved(p, await begin(p, { login_hint: undefined, id_token_hint: hint }));
    refused(await ask(p, { login_hint: undefined, id_token_hint: `${hint.slice(0, -4)}AAAA` }), 'invalid_request');
  },
  async 'fapi-ciba-id1-ensure-wrong-auth-req-id-in-token-endpoint-request'(world) {
    const [p, another] = [await open(world, 'fapi'), await open(world, 'fapi2')];
    const begun = await begin(p);
    refused(await poll(another, begun.auth_req_id), 'invalid_grant');
    await world.decide(begun.autoPassword);
    refused(await poll(another, begun.auth_req_id), 'invalid_grant');
    await granted(p, await poll(p, begun.auth_req_id));
  },
  'fapi-ciba-id1-ensure-wrong-client-id-in-backchannel-authorization-request': unasked(anothers),
  'fapi-ciba-id1-ensure-wrong-client-id-in-token-endpoint-request': unpolled(anothers),
  'fapi-ciba-id1-ensure-without-client-assertion-in-backchannel-authorization-request': unasked(({ client }) => ({ client_id: client.id })),
  'fapi-ciba-id1-ensure-without-client-assertion-in-token-endpoint-request': unpolled(({ client }) => ({ client_id: client.id })),
  'fapi-ciba-id1-ensure-client-assertion-signature-algorithm-in-backchannel-authorization-request-is-RS256-fails': unasked(byRS256),
  'fapi-ciba-id1-ensure-client-assertion-signature-algorithm-in-token-endpoint-request-is-RS256-fails': unpolled(byRS256),
  async 'fapi-ciba-id1-ensure-client-assertion-with-iss-aud-to-token-endpoint-succeeds'(world) {
    const p = await open(world, 'fapi');
    const begun = await begin(p);
    await world.decide(begun.autoPassword);
    await granted(p, await poll(p, begun.auth_req_id, { who: assertion(p, { claims: { aud: p.as.issuer } }) }));
  },
  'fapi-ciba-id1-ping-backchannel-notification-endpoint-response-has-body': pinged([200, { 'content-type': 'text/plain' }, 'a body'], 1),
  'fapi-ciba-id1-ping-backchannel-notification-endpoint-response-401': pinged(401, 2),
  'fapi-ciba-id1-ping-backchannel-notification-endpoint-response-403': pinged(403, 2),
  'fapi-ciba-id1-ping-backchannel-notification-endpoint-return-redirect-request': pinged([301, { location: '/elsewhere' }], 2),
  async 'fapi-ciba-id1-refresh-token'(world) {
    const [p, another] = [await open(world, 'fapi'), await open(world, 'fapi2')];
    const first = await approved(p, await begin(p, { scope: 'openid offline_access' }));
    refused(await refresh({ ...another, dpop: p.dpop }, first.refresh_token), 'invalid_grant');
    refused(await refresh(p, first.refresh_token, { who: {} }), 'invalid_client', 'invalid_request');
    const next = await granted(p, await refresh(p, first.refresh_token));
    for (const name of ['sub', 'auth_time', 'aud', 'iss']) assert.equal(next.claims[name], first.claims[name], name);
    await told(p, next);
  },
  async 'fapi-ciba-id1-ensure-mtls-holder-of-key-required'(world) { // by DPoP
    const p = await open(world, 'fapi');
    const begun = await begin(p);
    await world.decide(begun.autoPassword);
    refused(await poll(p, begun.auth_req_id, { proven: null }), 'invalid_dpop_proof');
    await granted(p, await poll(p, begun.auth_req_id));
  },
});
