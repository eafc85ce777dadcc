// openid-client judges the provider: what most sites on Node log their users in with.
import assert from 'node:assert/strict';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { judge, signingKey } from './protocol.mjs';
import { attempt, discover, login, open, refused, sent, userinfoRefuses } from './site.mjs';

await judge({
  async 'a public client learns who logs in, and what they release'(world) {
    const { issuer, clients, user } = world;
    const config = await open(issuer, clients.open);
    const { issuer: named, code_challenge_methods_supported: methods } = config.serverMetadata();
    assert.equal(named, issuer);
    assert.ok(config.serverMetadata().supportsPKCE(), methods);
    const tokens = await login(config, clients.open, world, { scope: 'openid profile email phone' }, { scopes: ['identity:name', 'identity:phone'] });
    const claims = tokens.claims();
    assert.equal(claims.sub, user);
    assert.equal(claims.aud, 'demo');
    assert.deepEqual(claims.amr, ['swk', 'otp']);
    assert.equal(tokens.token_type, 'bearer');
    assert.ok(tokens.expiresIn() > 3500, tokens.expiresIn());
    assert.equal(tokens.scope, 'openid profile phone'); // what alice granted of it
    assert.equal(tokens.refresh_token, undefined);
    assert.deepEqual(await oidc.fetchUserInfo(config, tokens.access_token, claims.sub), { sub: user, name: 'Alice Doe', phone_number: '+420601234567' });
  },

  async 'a client with a secret, and one whose secret HTTP Basic must escape'(world) {
    for (const client of [world.clients.secret, world.clients.pairwise]) {
      const config = await open(world.issuer, client);
      const tokens = await login(config, client, world);
      assert.equal(tokens.claims().aud, client.id);
      assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, true);
    }
    const { pushed } = world.clients;
    const config = await open(world.issuer, pushed);
    await oidc.buildAuthorizationUrlWithPAR(config, (await attempt(pushed)).parameters);
    const another = await discover(world.issuer, pushed, oidc.ClientSecretBasic(`${pushed.secret}.`));
    await refused(oidc.buildAuthorizationUrlWithPAR(another, (await attempt(pushed)).parameters), { status: 401 });
  },

  async 'who has subjects of its own learns the same one everywhere'(world) {
    const { pairwise } = world.clients;
    const config = await open(world.issuer, pairwise);
    const tokens = await login(config, pairwise, world, { scope: 'openid offline_access' });
    const { sub } = tokens.claims();
    assert.notEqual(sub, world.user);
    assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, sub)).sub, sub);
    assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).sub, sub);
    assert.equal((await oidc.refreshTokenGrant(config, tokens.refresh_token)).claims().sub, sub);
  },

  async 'a client signs its assertions, by every algorithm of the metadata'(world) {
    const { keys: client } = world.clients;
    const config = await open(world.issuer, client);
    assert.deepEqual(config.serverMetadata().token_endpoint_auth_signing_alg_values_supported, client.keys.map(({ alg }) => alg));
    const tokens = await login(config, client, world, { scope: 'openid offline_access' });
    let { refresh_token: refreshToken } = tokens;
    for (const key of client.keys) {
      const by = await discover(world.issuer, client, oidc.PrivateKeyJwt(await signingKey(key)));
      assert.equal((await oidc.tokenIntrospection(by, tokens.access_token)).client_id, client.id);
      ({ refresh_token: refreshToken } = await oidc.refreshTokenGrant(by, refreshToken));
    }
    const strange = await discover(world.issuer, client, oidc.PrivateKeyJwt((await oidc.randomDPoPKeyPair()).privateKey));
    await refused(oidc.refreshTokenGrant(strange, refreshToken), { status: 401 });
    await oidc.refreshTokenGrant(config, refreshToken); // and that cost the token nothing
  },

  async 'a refresh token rotates, and one that comes twice ends all that came of the login'(world) {
    const { open: client } = world.clients;
    const config = await open(world.issuer, client);
    const first = await login(config, client, world, { scope: 'openid offline_access' });
    const second = await oidc.refreshTokenGrant(config, first.refresh_token);
    assert.notEqual(second.refresh_token, first.refresh_token);
    for (const name of ['iss', 'sub', 'aud', 'auth_time', 'sid']) assert.deepEqual(second.claims()[name], first.claims()[name], name);
    await oidc.fetchUserInfo(config, second.access_token, world.user);
    const less = await oidc.refreshTokenGrant(config, second.refresh_token, { scope: 'openid' });
    assert.equal(less.scope, 'openid');
    await refused(oidc.refreshTokenGrant(config, less.refresh_token, { scope: 'openid profile' }), { error: 'invalid_scope', status: 400 });
    const whole = await oidc.refreshTokenGrant(config, less.refresh_token);
    assert.equal(whole.scope, first.scope); // the refresh token itself never has less (RFC 6749 §6)
    await refused(oidc.refreshTokenGrant(config, first.refresh_token), { code: 'OAUTH_RESPONSE_BODY_ERROR', error: 'invalid_grant', status: 400 });
    await refused(oidc.refreshTokenGrant(config, whole.refresh_token), { error: 'invalid_grant', status: 400 });
    await userinfoRefuses(config, second.access_token, world.user);
  },

  async 'a client asks about its tokens, and revokes them'(world) {
    const { secret: client } = world.clients;
    const config = await open(world.issuer, client);
    const tokens = await login(config, client, world, { scope: 'openid offline_access' });
    const known = await oidc.tokenIntrospection(config, tokens.access_token, { token_type_hint: 'access_token' });
    const { active, iss, sub, client_id, exp, scope } = known;
    assert.deepEqual({ active, iss, sub, client_id, scope }, { active: true, iss: world.issuer, sub: world.user, client_id: client.id, scope: 'openid offline_access' });
    assert.ok(exp > Date.now() / 1000 + 3500, exp);
    assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token, { token_type_hint: 'refresh_token' })).active, true);
    assert.deepEqual(await oidc.tokenIntrospection(config, 'no token'), { active: false });
    await oidc.tokenRevocation(config, 'no token');
    await oidc.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' });
    await oidc.tokenRevocation(config, tokens.refresh_token);
    for (const token of [tokens.access_token, tokens.refresh_token]) assert.deepEqual(await oidc.tokenIntrospection(config, token), { active: false });
    await userinfoRefuses(config, tokens.access_token, world.user);
    await refused(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });

    const { open: open_ } = world.clients; // one without a secret may revoke, and may not ask
    const bare = await open(world.issuer, open_);
    const its = await login(bare, open_, world);
    await refused(oidc.tokenIntrospection(bare, its.access_token), { status: 401 });
    await oidc.tokenRevocation(bare, its.access_token);
    await userinfoRefuses(bare, its.access_token, world.user);
  },

  async 'a request is pushed and counts once, and where it must be pushed no other does'(world) {
    for (const client of [world.clients.pushed, world.clients.keys, world.clients.open]) {
      const config = await open(world.issuer, client);
      const { checks, parameters } = await attempt(client);
      const address = await oidc.buildAuthorizationUrlWithPAR(config, parameters);
      assert.deepEqual([...address.searchParams.keys()].sort(), ['client_id', 'request_uri']);
      const tokens = await oidc.authorizationCodeGrant(config, await world.visit(address), checks);
      assert.equal(tokens.claims().sub, world.user);
      await assert.rejects(world.visit(address), /stays at .*: 400/);
    }
    const { pushed } = world.clients;
    const config = await open(world.issuer, pushed);
    await assert.rejects(sent(config, pushed, world), /stays at .*: 400/);
    const { parameters } = await attempt(pushed, { redirect_uri: 'https://evil.example/' });
    await refused(oidc.buildAuthorizationUrlWithPAR(config, parameters), { code: 'OAUTH_RESPONSE_BODY_ERROR', error: 'invalid_request', status: 400 });
  },

  async 'tokens are bound to a key: DPoP, from the request that is pushed to the userinfo'(world) {
    const { bound: client } = world.clients;
    const config = await open(world.issuer, client);
    const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
    const another = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
    const pushedBy = async (handle) => {
      const { checks, parameters } = await attempt(client, { scope: 'openid offline_access' });
      return { checks, back: await world.visit(await oidc.buildAuthorizationUrlWithPAR(config, parameters, handle && { DPoP: handle })) };
    };
    for (const handle of [undefined, DPoP]) {
      const { checks, back } = await pushedBy(handle);
      const tokens = await oidc.authorizationCodeGrant(config, back, checks, undefined, { DPoP });
      assert.equal(tokens.token_type, 'dpop');
      assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, world.user, { DPoP })).sub, world.user);
      await userinfoRefuses(config, tokens.access_token, world.user, 'dpop'); // as Bearer
      await refused(oidc.fetchUserInfo(config, tokens.access_token, world.user, { DPoP: another }), { status: 401 });
      await refused(oidc.refreshTokenGrant(config, tokens.refresh_token), { status: 400 });
      const next = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
      assert.equal(next.token_type, 'dpop');
      assert.equal((await oidc.fetchUserInfo(config, next.access_token, world.user, { DPoP })).sub, world.user);
    }
    // A code is worth nothing without the key that its request was pushed with, or that it named (RFC 9449 §10).
    const byProof = await pushedBy(DPoP);
    await refused(oidc.authorizationCodeGrant(config, byProof.back, byProof.checks, undefined, { DPoP: another }), { code: 'OAUTH_RESPONSE_BODY_ERROR', status: 400 });
    const byName = await sent(config, client, world, { dpop_jkt: await DPoP.calculateThumbprint() });
    await refused(oidc.authorizationCodeGrant(config, byName.back, byName.checks, undefined, { DPoP: another }), { code: 'OAUTH_RESPONSE_BODY_ERROR', status: 400 });
    const unproven = await sent(config, client, world);
    await refused(oidc.authorizationCodeGrant(config, unproven.back, unproven.checks), { code: 'OAUTH_RESPONSE_BODY_ERROR', status: 400 });
  },

  async 'max_age is kept: an old login is not enough, and its time is told'(world) {
    const { open: client } = world.clients;
    const config = await open(world.issuer, client);
    const first = await sent(config, client, world, { max_age: '600' });
    const { auth_time: then } = (await oidc.authorizationCodeGrant(config, first.back, { ...first.checks, maxAge: 600 })).claims();
    assert.ok(Math.abs(Date.now() / 1000 - then) < 20, then);
    const again = await sent(config, client, world, { max_age: '600', prompt: 'none' });
    assert.equal((await oidc.authorizationCodeGrant(config, again.back, { ...again.checks, maxAge: 600 })).claims().auth_time, then);
    const now = await sent(config, client, world, { max_age: '0', prompt: 'none' });
    await refused(oidc.authorizationCodeGrant(config, now.back, { ...now.checks, maxAge: 0 }), { error: 'login_required' });
    const anew = await sent(config, client, world, { max_age: '0' });
    assert.ok((await oidc.authorizationCodeGrant(config, anew.back, { ...anew.checks, maxAge: 0 })).claims().auth_time >= then);
  },

  async 'the client itself refuses what is not the answer to its request'(world) {
    const { open: client } = world.clients;
    const config = await open(world.issuer, client);
    const with_ = (back, name, value) => {
      const url = new URL(back);
      if (value === undefined) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
      return url;
    };
    const { checks, back } = await sent(config, client, world);
    assert.equal(back.searchParams.get('iss'), world.issuer);
    await refused(oidc.authorizationCodeGrant(config, back, { ...checks, expectedState: 'another' }), { code: 'OAUTH_INVALID_RESPONSE' });
    await refused(oidc.authorizationCodeGrant(config, with_(back, 'state', 'another'), checks), { code: 'OAUTH_INVALID_RESPONSE' });
    // Mixed up with another server (RFC 9207): none of ours says so, and an answer without iss is none of ours.
    await refused(oidc.authorizationCodeGrant(config, with_(back, 'iss', 'https://evil.example'), checks), { code: 'OAUTH_INVALID_RESPONSE' });
    await refused(oidc.authorizationCodeGrant(config, with_(back, 'iss'), checks), { code: 'OAUTH_INVALID_RESPONSE' });
    await refused(oidc.authorizationCodeGrant(config, back, { ...checks, expectedNonce: 'another' }), { code: 'OAUTH_JWT_CLAIM_COMPARISON_FAILED' });
    const mixed = await sent(config, client, world);
    await refused(oidc.authorizationCodeGrant(config, mixed.back, { ...mixed.checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() }), { error: 'invalid_grant' });
  },

  async 'errors are those of the specifications, and the library reads them'(world) {
    const { open: client, secret } = world.clients;
    const config = await open(world.issuer, client);
    const fails = async (extra, error, person) => {
      const { checks, back } = await sent(config, client, world, extra, person);
      await refused(oidc.authorizationCodeGrant(config, back, checks), { code: 'OAUTH_AUTHORIZATION_RESPONSE_ERROR', error });
    };
    await fails({ prompt: 'none' }, 'login_required');
    await fails({ scope: 'openid admin' }, 'invalid_scope');
    await fails({ scope: 'profile' }, 'invalid_request');
    await fails({ response_type: 'money' }, 'unsupported_response_type');
    await fails({ code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request');
    await fails({ request: 'a.b.c', response_type: 'code' }, 'request_not_supported'); // the library leaves the type to the object
    await fails({}, 'access_denied', { phone: 'deny' });
    await fails({ prompt: 'none' }, 'login_required'); // who was denied is not logged in

    const { checks, back } = await sent(config, client, world);
    const other = new URL(back);
    other.searchParams.set('code', 'another');
    await refused(oidc.authorizationCodeGrant(config, other, checks), { code: 'OAUTH_RESPONSE_BODY_ERROR', error: 'invalid_grant', status: 400 });
    const tokens = await oidc.authorizationCodeGrant(config, back, checks);
    await refused(oidc.authorizationCodeGrant(config, back, checks), { error: 'invalid_grant', status: 400 });
    await userinfoRefuses(config, tokens.access_token, world.user); // the code came twice
    await fails({ prompt: 'none', scope: 'openid profile' }, 'consent_required');

    await refused(oidc.genericGrantRequest(config, 'password', { username: 'alice', password: 'x' }), { error: 'unsupported_grant_type', status: 400 });
    const wrong = await discover(world.issuer, secret, oidc.ClientSecretBasic('another secret of sixteen bytes'));
    await assert.rejects(oidc.tokenIntrospection(wrong, tokens.access_token), ({ code, status, cause }) => {
      assert.deepEqual([code, status, cause[0].scheme], ['OAUTH_WWW_AUTHENTICATE_CHALLENGE', 401, 'basic']); // RFC 6749 §5.2
      return true;
    });
    const body = await discover(world.issuer, secret, oidc.ClientSecretPost(secret.secret));
    await refused(oidc.refreshTokenGrant(body, 'x'), { status: 401 });
  },

  async 'a redirect URI that has a query is none for this library: at the token endpoint it leaves it out'(world) {
    const { tenant: client } = world.clients;
    const config = await open(world.issuer, client);
    const { checks, back } = await sent(config, client, world);
    assert.equal(back.searchParams.get('tenant'), '1');
    await refused(oidc.authorizationCodeGrant(config, back, checks), { code: 'OAUTH_RESPONSE_BODY_ERROR', error: 'invalid_grant', status: 400 });
  },

  async 'the answer may come by a form'(world) {
    const { secret: client } = world.clients;
    const config = await open(world.issuer, client);
    const { checks, back } = await sent(config, client, world, { response_mode: 'form_post' });
    assert.equal(back.method, 'POST');
    assert.equal(back.url, client.redirect);
    assert.equal((await oidc.authorizationCodeGrant(config, back, checks)).claims().sub, world.user);
  },

  async 'one approval logs in at every client, and a client may ask for another user'(world) {
    const { open: first, secret: second } = world.clients;
    const [one, two] = [await open(world.issuer, first), await open(world.issuer, second)];
    const tokens = await login(one, first, world);
    const silent = await login(two, second, world, { prompt: 'none' });
    for (const name of ['sid', 'auth_time', 'acr', 'sub']) assert.equal(silent.claims()[name], tokens.claims()[name], name);
    const hinted = await login(one, first, world, { prompt: 'none', id_token_hint: tokens.id_token });
    assert.equal(hinted.claims().sub, world.user);
    await world.forget();
    const { checks, back } = await sent(one, first, world, { prompt: 'none', id_token_hint: tokens.id_token });
    await refused(oidc.authorizationCodeGrant(one, back, checks), { error: 'login_required' });
  },

  async 'a signing key is replaced while clients keep the keys that they have'(world) {
    const { open: client } = world.clients;
    const [before, asked] = [await open(world.issuer, client), () => world.count('/.well-known/jwks.json')];
    const old = await login(before, client, world, { scope: 'openid offline_access' });
    const kid = await world.rotate();

    // Published before it signs: a client that fetches the keys now has it when it does.
    let ahead;
    let its;
    do {
      ahead = await open(world.issuer, client);
      its = await login(ahead, client, world, { scope: 'openid offline_access', prompt: 'none' });
    } while (!oidc.getJwksCache(ahead).jwks.keys.some((key) => key.kid === kid));

    const fetched = await asked();
    do its = await oidc.refreshTokenGrant(ahead, its.refresh_token); while (decodeProtectedHeader(its.id_token).kid !== kid);
    assert.equal(await asked(), fetched);

    // A client whose keys are older than the new one fetches them again, once they are a minute old.
    const { jwks, uat } = oidc.getJwksCache(before);
    const later = await open(world.issuer, client);
    oidc.setJwksCache(later, { jwks, uat: uat - 61 });
    const renewed = await oidc.refreshTokenGrant(later, old.refresh_token);
    assert.equal(decodeProtectedHeader(renewed.id_token).kid, kid);
    assert.equal(await asked(), fetched + 1);

    const keys = createLocalJWKSet(oidc.getJwksCache(later).jwks);
    for (const { id_token: token, access_token: access } of [old, renewed]) {
      assert.equal((await jwtVerify(token, keys, { issuer: world.issuer, audience: client.id, typ: 'JWT', algorithms: ['ES256'] })).payload.sub, world.user);
      assert.equal((await oidc.fetchUserInfo(later, access, world.user)).sub, world.user);
    }
  },
});
