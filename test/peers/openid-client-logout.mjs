// openid-client ends what a user began with it: RP-Initiated Logout 1.0, and Back-Channel Logout 1.0 as jose, the library
// beside it, verifies its tokens.
import assert from 'node:assert/strict';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { judge, listen } from './protocol.mjs';
import { login, open, refused, sent } from './site.mjs';

const event = 'http://schemas.openid.net/event/backchannel-logout';

/** Whether the browser is still logged in at the provider. */
async function loggedIn(config, client, world) {
  const { checks, back } = await sent(config, client, world, { prompt: 'none' });
  if (!back.searchParams.has('error')) return (await oidc.authorizationCodeGrant(config, back, checks)).claims().sub === world.user;
  await refused(oidc.authorizationCodeGrant(config, back, checks), { code: 'OAUTH_AUTHORIZATION_RESPONSE_ERROR', error: 'login_required' });
  return false;
}

await judge({
  async 'a site logs its user out, and the browser comes back with the state'(world) {
    const { open: first, secret: second } = world.clients;
    const [one, two] = [await open(world.issuer, first), await open(world.issuer, second)];
    const { id_token: idToken } = await login(one, first, world);
    await login(two, second, world, { prompt: 'none' });
    const state = `${oidc.randomState()} +&ü`;
    const out = oidc.buildEndSessionUrl(one, { id_token_hint: idToken, post_logout_redirect_uri: first.bye, state });
    const back = await world.visit(out);
    assert.deepEqual([back.origin + back.pathname, [...back.searchParams]], [first.bye, [['state', state]]]);
    assert.equal(await loggedIn(one, first, world), false);
    assert.equal(await loggedIn(two, second, world), false);
    assert.equal((await world.visit(out)).href, back.href); // who is logged out already has what they want
  },

  async 'who cannot show the id_token of this login has its user asked'(world) {
    const { told: client } = world.clients;
    const config = await open(world.issuer, client);
    const { id_token: old } = await login(config, client, world);
    await world.forget();
    await login(config, client, world);
    const backEnd = listen(); // the client is told in the end, which is another story
    for (const hint of [{}, { id_token_hint: old }, { id_token_hint: 'a.b.c' }]) {
      const out = oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: client.bye, state: '7', ...hint });
      await assert.rejects(world.visit(out), /stays at .*: 200 .*Log out\?/s);
      await assert.rejects(world.visit(out, { choice: 'no' }), /stays at .*: 200 .*You are still logged in/s);
      assert.ok(await loggedIn(config, client, world));
    }
    const out = oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: client.bye, state: '7' });
    assert.equal((await world.visit(out, { choice: 'yes' })).href, `${client.bye}&state=7`);
    assert.equal(await loggedIn(config, client, world), false);
    await assert.rejects(world.visit(oidc.buildEndSessionUrl(config)), /stays at .*: 200 .*You are logged out/s);
    await backEnd.next();
    backEnd.close();
  },

  async 'a browser goes nowhere that its site did not register'(world) {
    const { open: client, secret: another } = world.clients;
    const config = await open(world.issuer, client);
    const { id_token: idToken } = await login(config, client, world);
    const stays = async (parameters) => {
      await assert.rejects(world.visit(oidc.buildEndSessionUrl(config, parameters)), /stays at .*: 400 .*This logout cannot be finished/s);
      assert.ok(await loggedIn(config, client, world));
    };
    for (const uri of ['https://evil.example/', `${client.bye}?x=1`, client.redirect]) await stays({ id_token_hint: idToken, post_logout_redirect_uri: uri });
    await stays({ id_token_hint: idToken, client_id: another.id, post_logout_redirect_uri: client.bye });
    await stays({ client_id: another.id, post_logout_redirect_uri: client.bye });
  },

  async 'back ends are told, each of its own user and session, by a token that jose verifies'(world) {
    const { told: first, pairwise: second, secret: third } = world.clients;
    const backEnd = listen(503, 503);
    const used = new Map(); // by address
    for (const client of [first, second, third]) {
      const config = await open(world.issuer, client);
      const tokens = await login(config, client, world, used.size > 0 ? { prompt: 'none' } : { scope: 'openid offline_access' });
      if (client.logout) used.set(client.logout, { client, config, tokens, claims: tokens.claims() });
    }
    const { config, tokens } = used.get(first.logout);
    assert.equal(config.serverMetadata().backchannel_logout_supported, true);
    assert.equal(config.serverMetadata().backchannel_logout_session_supported, true);
    await world.visit(oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: first.bye }));

    const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
    const seen = new Set();
    for (let n = 0; n < 4; n++) { // each is told twice: at first they answer 503
      const { method, url, headers, body } = await backEnd.next();
      const { client, claims } = used.get(url);
      assert.deepEqual([method, headers['content-type']], ['POST', 'application/x-www-form-urlencoded']);
      const form = new URLSearchParams(body);
      assert.deepEqual([...form.keys()], ['logout_token']);
      const rules = { issuer: world.issuer, audience: client.id, algorithms: ['ES256'], maxTokenAge: '2m', requiredClaims: ['exp', 'jti', 'sub', 'sid', 'events'] };
      const { payload } = await jwtVerify(form.get('logout_token'), keys, { ...rules, typ: 'logout+jwt' });
      assert.deepEqual(payload.events, { [event]: {} });
      assert.deepEqual([payload.sub, payload.sid, payload.nonce], [claims.sub, claims.sid, undefined]);
      assert.ok(!seen.has(payload.jti), 'a jti comes once');
      seen.add(payload.jti).add(url);
      await assert.rejects(jwtVerify(form.get('logout_token'), keys, { ...rules, typ: 'JWT' }), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'typ' });
    }
    assert.ok(seen.has(first.logout) && seen.has(second.logout));
    const [one, two] = [...used.values()].map(({ claims }) => claims);
    assert.notEqual(one.sid, two.sid); // nor can they put together whom they have in common
    assert.notEqual(one.sub, two.sub);
    // offline_access is what outlives the browser (Back-Channel Logout 1.0 §2.7); a site that wants none of it revokes.
    const { refresh_token: next } = await oidc.refreshTokenGrant(config, tokens.refresh_token);
    await oidc.tokenRevocation(config, next);
    await refused(oidc.refreshTokenGrant(config, next), { error: 'invalid_grant' });
    backEnd.close();
  },
});
