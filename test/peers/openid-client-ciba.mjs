// openid-client asks for approvals that no browser has begun (CIBA): what a back end on Node does. The library polls at the
// interval that it is told, so most of these stories wait.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import * as oidc from 'openid-client';
import { judge, listen } from './protocol.mjs';
import { discover, login, open, refused, userinfoRefuses } from './site.mjs';

/** Begins a request, and has the phone decide. Gives what the library got, and what the phone showed. */
async function decided(config, world, parameters, person) {
  const begun = await oidc.initiateBackchannelAuthentication(config, { scope: 'openid', ...parameters });
  return { begun, shown: await world.decide(begun.autoPassword, person) };
}

const polled = oidc.pollBackchannelAuthenticationGrant;

/** A poll by hand, or that of a client that was told to: at once. */
const askedNow = (config, { auth_req_id: id }) => oidc.genericGrantRequest(config, 'urn:openid:params:grant-type:ciba', { auth_req_id: id });

/** Every poll that the library makes by itself: when it was, and its error, if it was one; before comes ahead of the first. */
function overheard(config, before = async () => {}) {
  const polls = [];
  config[oidc.customFetch] = async (url, options) => {
    if (!url.endsWith('/token')) return fetch(url, options);
    if (polls.length === 0) await before();
    const poll = { at: performance.now() };
    polls.push(poll);
    const response = await fetch(url, options);
    ({ error: poll.error } = await response.clone().json());
    return response;
  };
  return polls;
}

const seconds = (polls) => polls.slice(1).map(({ at }, i) => (at - polls[i].at) / 1000);

await judge({
  async 'a back end asks, the phone says what for, and the first poll has the tokens'(world) {
    const asked = async (client) => {
      const config = await open(world.issuer, client);
      const { begun, shown } = await decided(config, world,
        { login_hint: world.user, binding_message: 'Table 4*', requested_expiry: '100', scope: 'openid profile email offline_access' }, { scopes: ['identity:name'] });
      assert.ok(begun.expires_in > 90 && begun.expires_in <= 100, begun.expires_in);
      assert.equal(begun.interval, 5);
      assert.equal(shown.operation.form.attributes[0].value, 'Table 4*');
      assert.deepEqual([shown.service.id, shown.origin, shown.issuer], [client.id, '', world.issuer]);
      return { client, config, begun };
    };
    const all = [await asked(world.clients.secret), await asked(world.clients.keys)]; // by HTTP Basic, and by private_key_jwt
    await Promise.all(all.map(async ({ client, config, begun }) => {
      const tokens = await polled(config, begun);
      const claims = tokens.claims();
      assert.deepEqual([claims.sub, claims.aud, claims.amr], [world.user, client.id, ['swk', 'otp']]);
      assert.ok(Math.abs(Date.now() / 1000 - claims.auth_time) < 20, claims.auth_time);
      assert.ok(config.serverMetadata().acr_values_supported.includes(claims.acr), claims.acr);
      for (const name of ['nonce', 'sid']) assert.equal(claims[name], undefined, name); // of a browser, and there is none
      assert.deepEqual([tokens.token_type, tokens.scope], ['bearer', 'openid profile offline_access']);
      assert.deepEqual(await oidc.fetchUserInfo(config, tokens.access_token, world.user), { sub: world.user, name: 'Alice Doe' });
      assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, true);
      await refused(askedNow(config, begun), { error: 'invalid_grant', status: 400 });
      const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
      assert.deepEqual([next.claims().sub, next.claims().auth_time], [world.user, claims.auth_time]);
      await oidc.tokenRevocation(config, next.refresh_token);
      await userinfoRefuses(config, next.access_token, world.user);
    }));
  },

  async 'who has not decided yet is waited for'(world) {
    const config = await open(world.issuer, world.clients.secret);
    const polls = overheard(config);
    const begun = await oidc.initiateBackchannelAuthentication(config, { scope: 'openid', login_hint: world.user });
    const tokens = polled(config, begun);
    while (polls[0]?.error === undefined) await Promise.race([pause(20), tokens]);
    await world.decide(begun.autoPassword);
    assert.equal((await tokens).claims().sub, world.user);
    assert.deepEqual(polls.map(({ error }) => error), ['authorization_pending', undefined]);
    assert.ok(seconds(polls)[0] > 4.9, seconds(polls));
  },

  async 'a client that asks too often is told to slow down, and does'(world) {
    const [config, twin] = [await open(world.issuer, world.clients.secret), await open(world.issuer, world.clients.secret)];
    const begun = await oidc.initiateBackchannelAuthentication(config, { scope: 'openid', login_hint: world.user });
    const polls = overheard(config, async () => {
      await refused(askedNow(twin, begun), { error: 'authorization_pending', status: 400 });
    });
    const tokens = polled(config, begun);
    while (polls[0]?.error === undefined) await Promise.race([pause(20), tokens]);
    await world.decide(begun.autoPassword);
    assert.equal((await tokens).claims().sub, world.user);
    assert.deepEqual(polls.map(({ error }) => error), ['slow_down', undefined]);
    assert.ok(seconds(polls)[0] > 9.9, seconds(polls)); // five seconds more than before (CIBA Core §11)
  },

  async 'who declines, reports or lets the time pass is not logged in'(world) {
    const config = await open(world.issuer, world.clients.secret);
    const ends = [];
    for (const phone of ['deny', 'report']) {
      const { begun } = await decided(config, world, { login_hint: world.user }, { phone });
      ends.push(refused(polled(config, begun), { code: 'OAUTH_RESPONSE_BODY_ERROR', error: 'access_denied', status: 400 }));
    }
    // A wait that is as long as the request lives is the library's own end.
    const late = await oidc.initiateBackchannelAuthentication(config, { scope: 'openid', login_hint: world.user, requested_expiry: '4' });
    assert.equal(late.expires_in, 10); // no request lives shorter
    ends.push(refused(polled(config, { ...late, expires_in: 4 }), { code: 'OAUTH_TIMEOUT' }));
    ends.push(refused(polled(config, { ...late, expires_in: 100 }), { error: 'expired_token', status: 400 }));
    await Promise.all(ends);
  },

  async 'an id_token says whom a client means, and errors say what it did wrong'(world) {
    const { secret, pairwise, open: bare } = world.clients;
    const config = await open(world.issuer, secret);
    const { id_token: first } = await login(config, secret, world);
    const { begun } = await decided(config, world, { id_token_hint: first });
    const { id_token: second } = await askedNow(config, begun); // an id_token of CIBA is one as any other
    assert.notEqual(second, first);
    assert.equal((await askedNow(config, (await decided(config, world, { id_token_hint: second })).begun)).claims().sub, world.user);

    const fails = (error, parameters, status = 400) =>
      refused(oidc.initiateBackchannelAuthentication(config, { scope: 'openid', ...parameters }), { code: 'OAUTH_RESPONSE_BODY_ERROR', error, status });
    const [two, login_hint] = [await open(world.issuer, pairwise), world.user];
    const { id_token: another } = await login(two, pairwise, world);
    await fails('invalid_request', { id_token_hint: another });
    await fails('invalid_request', { id_token_hint: first, login_hint });
    await fails('invalid_request', {});
    await fails('invalid_request', { login_hint, requested_expiry: 'soon' });
    await fails('invalid_request', { login_hint, user_code: '1234' });
    await fails('invalid_scope', { login_hint, scope: 'openid admin' });
    await fails('invalid_binding_message', { login_hint, binding_message: 'x'.repeat(65) });
    await fails('unknown_user_id', { login_hint: 'alice@bank.example' });
    await refused(oidc.initiateBackchannelAuthentication(two, { scope: 'openid', id_token_hint: another }), { error: 'invalid_request' }); // it must say how it is told
    await refused(oidc.initiateBackchannelAuthentication(await open(world.issuer, bare), { scope: 'openid', login_hint }), { error: 'unauthorized_client', status: 400 });
    const wrong = await discover(world.issuer, secret, oidc.ClientSecretBasic('another secret of sixteen bytes'));
    await refused(oidc.initiateBackchannelAuthentication(wrong, { scope: 'openid', login_hint }), { status: 401 });
  },

  async 'tokens are bound to a key: DPoP, and without a proof nothing is lost'(world) {
    const { proof: client } = world.clients;
    const config = await open(world.issuer, client);
    const [DPoP, another] = [oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256')), oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'))];
    const { begun } = await decided(config, world, { login_hint: world.user, scope: 'openid offline_access' });
    await refused(askedNow(config, begun), { code: 'OAUTH_RESPONSE_BODY_ERROR', error: 'invalid_dpop_proof', status: 400 });
    const tokens = await polled(config, begun, undefined, { DPoP });
    assert.equal(tokens.token_type, 'dpop');
    assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).cnf.jkt, await DPoP.calculateThumbprint());
    assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, world.user, { DPoP })).sub, world.user);
    await userinfoRefuses(config, tokens.access_token, world.user, 'dpop'); // as Bearer
    await refused(oidc.fetchUserInfo(config, tokens.access_token, world.user, { DPoP: another }), { status: 401 });
    await refused(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_dpop_proof', status: 400 });
    // The refresh token is bound to the client's secret, so its next key may be another (RFC 9449 §5).
    const next = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP: another });
    assert.equal((await oidc.tokenIntrospection(config, next.access_token)).cnf.jkt, await another.calculateThumbprint());
  },

  async 'a client is told to ask, about a user whom it knows by a name of its own'(world) {
    const { pairwise: client } = world.clients;
    const [config, backEnd] = [await open(world.issuer, client), listen(503)];
    const { sub } = (await login(config, client, world)).claims();
    assert.notEqual(sub, world.user);
    const token = oidc.randomState();
    const told = async ({ auth_req_id: id }) => {
      const { method, url, headers, body } = await backEnd.next();
      assert.deepEqual([method, url, headers.authorization, headers['content-type']], ['POST', client.ping, `Bearer ${token}`, 'application/json']);
      assert.deepEqual(JSON.parse(body), { auth_req_id: id });
    };
    const { begun } = await decided(config, world, { login_hint: sub, client_notification_token: token });
    await told(begun); // it answers 503
    await told(begun);
    const tokens = await askedNow(config, begun);
    assert.deepEqual([tokens.claims().sub, tokens.claims().aud], [sub, client.id]);
    assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, sub)).sub, sub);

    const { begun: hinted } = await decided(config, world, { id_token_hint: tokens.id_token, client_notification_token: token }, { phone: 'deny' });
    await told(hinted);
    await refused(askedNow(config, hinted), { error: 'access_denied', status: 400 });
    // Whoever is pinged may poll as well (CIBA Core §7.3).
    const { begun: both } = await decided(config, world, { login_hint: sub, client_notification_token: token });
    assert.equal((await polled(config, both)).claims().sub, sub);
    await told(both);
    backEnd.close();
  },
});
