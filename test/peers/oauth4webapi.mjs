// oauth4webapi judges the provider: it has one function for every request and one that holds every answer against its
// specification, to the letter. openid-client stands on it, and shows less of what it checks.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import * as oauth from 'oauth4webapi';
import { judge, signingKey } from './protocol.mjs';

const http = { [oauth.allowInsecureRequests]: true };

async function discover(issuer) {
  const at = new URL(issuer);
  return oauth.processDiscoveryResponse(at, await oauth.discoveryRequest(at, { algorithm: 'oidc', ...http }));
}

/** A client as the library has it: auth_time in every id_token is part of the deal. */
async function party({ issuer, clients }, name) {
  const { id, redirect, secret, keys } = clients[name];
  const authentication = secret ? oauth.ClientSecretBasic(secret) : keys ? oauth.PrivateKeyJwt(await signingKey(keys[0])) : oauth.None();
  return { as: await discover(issuer), client: { client_id: id, require_auth_time: true, id_token_signed_response_alg: 'ES256' }, authentication, redirect };
}

/** What a login begins with: the parameters of the request, and what is kept to hold the answer against. */
async function attempt({ client, redirect }, extra = {}) {
  const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()];
  const parameters = new URLSearchParams({
    client_id: client.client_id, redirect_uri: redirect, response_type: 'code', scope: 'openid', state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...extra,
  });
  return { parameters, verifier, state, nonce };
}

/** The address that the browser is sent to: the one request for which the library has no function. */
function address({ as }, parameters) {
  const url = new URL(as.authorization_endpoint);
  url.search = parameters;
  return url;
}

/** The answer that the browser brings, held against the request. */
async function answered(p, { visit }, made, person) {
  return oauth.validateAuthResponse(p.as, p.client, await visit(address(p, made.parameters), person), made.state);
}

/** A code becomes tokens, and the id_token and its signature are checked. */
async function redeem({ as, client, authentication, redirect }, callback, made, options = {}) {
  const response = await oauth.authorizationCodeGrantRequest(as, client, authentication, callback, redirect, made.verifier, { ...http, ...options });
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: made.nonce, requireIdToken: true, maxAge: options.maxAge });
  await oauth.validateApplicationLevelSignature(as, response, { ...http, ...options });
  return { tokens, claims: oauth.getValidatedIdTokenClaims(tokens) };
}

async function login(p, world, extra, person, options) {
  const made = await attempt(p, extra);
  return redeem(p, await answered(p, world, made, person), made, options);
}

async function refresh({ as, client, authentication }, token, options = {}) {
  const response = await oauth.refreshTokenGrantRequest(as, client, authentication, token, { ...http, ...options });
  const tokens = await oauth.processRefreshTokenResponse(as, client, response);
  await oauth.validateApplicationLevelSignature(as, response, { ...http, ...options });
  return { tokens, claims: oauth.getValidatedIdTokenClaims(tokens) };
}

async function userinfo({ as, client }, token, sub, options = {}) {
  return oauth.processUserInfoResponse(as, client, sub, await oauth.userInfoRequest(as, client, token, { ...http, ...options }));
}

async function introspect({ as, client, authentication }, token, additionalParameters) {
  return oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, authentication, token, { ...http, additionalParameters }));
}

async function revoke({ as, client, authentication }, token) {
  return oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, token, http));
}

async function push({ as, client, authentication }, parameters, options = {}) {
  const response = await oauth.pushedAuthorizationRequest(as, client, authentication, parameters, { ...http, ...options });
  return oauth.processPushedAuthorizationResponse(as, client, response);
}

/** A request for an approval that no browser has begun. */
async function ask({ as, client, authentication }, parameters) {
  const response = await oauth.backchannelAuthenticationRequest(as, client, authentication, { scope: 'openid', ...parameters }, http);
  return oauth.processBackchannelAuthenticationResponse(as, client, response);
}

/** One poll for its tokens. */
async function poll({ as, client, authentication }, id, options = {}) {
  const response = await oauth.backchannelAuthenticationGrantRequest(as, client, authentication, id, { ...http, ...options });
  const tokens = await oauth.processBackchannelAuthenticationGrantResponse(as, client, response);
  await oauth.validateApplicationLevelSignature(as, response, http);
  return { tokens, claims: oauth.getValidatedIdTokenClaims(tokens) };
}

/** The request that an API would get with an access token: it is caught on its way, and not sent. */
async function requestWith(token, url, options = {}) {
  let caught;
  await oauth.protectedResourceRequest(token, 'GET', new URL(url), undefined, undefined, {
    ...http, ...options,
    [oauth.customFetch]: async (to, init) => {
      caught = new Request(to, init);
      return new Response();
    },
  });
  return caught;
}

const code = (expected) => (error) => {
  assert.equal(error.code, expected, error.stack);
  return true;
};

const bodyError = (expected, status) => (error) => {
  assert.deepEqual([error.code, error.error, error.status], ['OAUTH_RESPONSE_BODY_ERROR', expected, status], error.stack);
  assert.match(error.response.headers.get('content-type'), /^application\/json/);
  assert.equal(error.response.headers.get('cache-control'), 'no-store');
  return true;
};

const challenge = (status, schemes) => (error) => {
  assert.deepEqual([error.code, error.status], ['OAUTH_WWW_AUTHENTICATE_CHALLENGE', status], error.stack);
  assert.deepEqual(error.cause.map(({ scheme, parameters }) => [scheme, parameters.error]), schemes);
  return true;
};

const noToken = challenge(401, [['bearer', 'invalid_token'], ['dpop', 'invalid_token']]);

await judge({
  async 'every answer of a login is what its specification says'(world) {
    const p = await party(world, 'open');
    const { tokens, claims } = await login(p, world, { scope: 'openid profile offline_access', max_age: '600' }, { scopes: ['identity:name'] }, { maxAge: 600 });
    assert.equal(claims.sub, world.user);
    assert.equal(tokens.token_type, 'bearer');
    assert.equal(tokens.scope, 'openid profile offline_access');
    assert.deepEqual(await userinfo(p, tokens.access_token, claims.sub), { sub: world.user, name: 'Alice Doe' });
    const next = await refresh(p, tokens.refresh_token);
    assert.deepEqual([next.claims.sub, next.claims.auth_time], [claims.sub, claims.auth_time]);
    await revoke(p, next.tokens.refresh_token);
    await assert.rejects(userinfo(p, next.tokens.access_token, claims.sub), noToken);
  },

  async 'clients that authenticate ask about their tokens and revoke them'(world) {
    for (const name of ['secret', 'tenant', 'keys', 'pairwise']) { // tenant's redirect URI has a query of its own
      const p = await party(world, name);
      const { tokens, claims } = await login(p, world, { scope: 'openid offline_access' });
      const { active, iss, sub, client_id: id, exp, iat, scope } = await introspect(p, tokens.access_token, { token_type_hint: 'access_token' });
      assert.deepEqual([active, iss, sub, id, scope], [true, world.issuer, claims.sub, p.client.client_id, tokens.scope]);
      assert.equal(exp - iat, tokens.expires_in);
      assert.equal((await introspect(p, tokens.refresh_token)).active, true);
      await revoke(p, tokens.access_token);
      await revoke(p, 'no token');
      for (const token of [tokens.access_token, tokens.refresh_token, tokens.id_token, 'no token']) assert.deepEqual(await introspect(p, token), { active: false });
      await assert.rejects(refresh(p, tokens.refresh_token), bodyError('invalid_grant', 400));
    }
  },

  async 'a request is pushed, and its client told for how long and how not'(world) {
    for (const name of ['pushed', 'keys', 'open', 'tenant']) {
      const p = await party(world, name);
      const made = await attempt(p);
      const { request_uri: pushed, expires_in: lives } = await push(p, made.parameters);
      assert.match(pushed, /^urn:ietf:params:oauth:request_uri:/);
      assert.equal(lives, 60);
      const callback = await answered(p, world, { ...made, parameters: new URLSearchParams({ client_id: p.client.client_id, request_uri: pushed }) });
      assert.equal((await redeem(p, callback, made)).claims.sub, world.user);
      await assert.rejects(push(p, (await attempt(p, { redirect_uri: 'https://evil.example/' })).parameters), bodyError('invalid_request', 400));
      await assert.rejects(push(p, (await attempt(p, { code_challenge_method: 'plain' })).parameters), bodyError('invalid_request', 400));
      await assert.rejects(push(p, (await attempt(p, { scope: 'openid admin' })).parameters), bodyError('invalid_scope', 400));
    }
  },

  async 'tokens are bound to a key'(world) {
    const p = await party(world, 'bound');
    const { key, other } = { key: oauth.DPoP(p.client, await oauth.generateKeyPair('ES256')), other: oauth.DPoP(p.client, await oauth.generateKeyPair('ES256')) };
    const made = await attempt(p, { scope: 'openid offline_access' });
    const { request_uri: pushed } = await push(p, made.parameters, { DPoP: key });
    const callback = await answered(p, world, { ...made, parameters: new URLSearchParams({ client_id: p.client.client_id, request_uri: pushed }) });
    const { tokens, claims } = await redeem(p, callback, made, { DPoP: key });
    assert.equal(tokens.token_type, 'dpop');
    assert.equal((await userinfo(p, tokens.access_token, claims.sub, { DPoP: key })).sub, world.user);
    await assert.rejects(userinfo(p, tokens.access_token, claims.sub, { DPoP: other }), challenge(401, [['bearer', 'invalid_token'], ['dpop', 'invalid_dpop_proof']]));
    await assert.rejects(userinfo(p, tokens.access_token, claims.sub), noToken);
    await assert.rejects(refresh(p, tokens.refresh_token, { DPoP: other }), bodyError('invalid_dpop_proof', 400));
    const next = await refresh(p, tokens.refresh_token, { DPoP: key });
    assert.equal(next.tokens.token_type, 'dpop');

    // A request names its key; no other can redeem its code (RFC 9449 §10).
    const named = await attempt(p, { dpop_jkt: await key.calculateThumbprint() });
    await assert.rejects(redeem(p, await answered(p, world, named), named, { DPoP: other }), code('OAUTH_RESPONSE_BODY_ERROR'));
    const bare = await attempt(p);
    await assert.rejects(redeem(p, await answered(p, world, bare), bare), bodyError('invalid_dpop_proof', 400));
    // Who need not bind its tokens may.
    const free = await party(world, 'secret');
    const bound = await login(free, world, {}, {}, { DPoP: key });
    assert.equal(bound.tokens.token_type, 'dpop');
    assert.deepEqual((await introspect(free, bound.tokens.access_token)).cnf, { jkt: await key.calculateThumbprint() });
  },

  async 'the access token is one of RFC 9068, bound to a key or not'(world) {
    const p = await party(world, 'open');
    const audience = p.as.userinfo_endpoint;
    const { tokens, claims } = await login(p, world, { scope: 'openid profile' }, { scopes: ['identity:name'] });
    const request = await requestWith(tokens.access_token, audience);
    const access = await oauth.validateJwtAccessToken(p.as, request, audience, { ...http, signingAlgorithms: ['ES256'] });
    for (const name of ['sub', 'auth_time', 'acr', 'amr']) assert.deepEqual(access[name], claims[name], name);
    assert.deepEqual([access.client_id, access.scope, access.exp - access.iat], ['demo', tokens.scope, tokens.expires_in]);
    await assert.rejects(oauth.validateJwtAccessToken(p.as, request, 'https://api.bank.example', http), /"aud"/);
    await assert.rejects(oauth.validateJwtAccessToken(p.as, await requestWith(tokens.id_token, audience), 'demo', http), /"typ"/);
    await assert.rejects(oauth.validateJwtAccessToken(p.as, request, audience, { ...http, requireDPoP: true }), /"cnf"/);

    const b = await party(world, 'bound');
    const [key, other] = [oauth.DPoP(b.client, await oauth.generateKeyPair('ES256')), oauth.DPoP(b.client, await oauth.generateKeyPair('ES256'))];
    const { access_token: bound } = (await login(b, world, {}, {}, { DPoP: key })).tokens;
    const proven = await oauth.validateJwtAccessToken(b.as, await requestWith(bound, audience, { DPoP: key }), audience, { ...http, requireDPoP: true });
    assert.deepEqual(proven.cnf, { jkt: await key.calculateThumbprint() });
    await assert.rejects(oauth.validateJwtAccessToken(b.as, await requestWith(bound, audience, { DPoP: other }), audience, http), /confirmation mismatch/);
    await assert.rejects(oauth.validateJwtAccessToken(b.as, await requestWith(bound, audience), audience, http), /no DPoP HTTP Header/);
  },

  async 'the library refuses what is not the answer, and reads every error'(world) {
    const p = await party(world, 'open');
    const made = await attempt(p);
    const back = await world.visit(address(p, made.parameters));
    const changed = (name, value) => {
      const url = new URL(back);
      url.searchParams.set(name, value);
      if (value === undefined) url.searchParams.delete(name);
      return url;
    };
    for (const [name, value] of [['state', 'another'], ['state', undefined], ['iss', 'https://evil.example'], ['iss', undefined]]) {
      assert.throws(() => oauth.validateAuthResponse(p.as, p.client, changed(name, value), made.state), code('OAUTH_INVALID_RESPONSE'), `${name} ${value}`);
    }
    const callback = oauth.validateAuthResponse(p.as, p.client, back, made.state);
    await assert.rejects(redeem(p, callback, { ...made, nonce: 'another' }), code('OAUTH_JWT_CLAIM_COMPARISON_FAILED'));
    await assert.rejects(redeem(p, callback, made), bodyError('invalid_grant', 400)); // the code was spent on that

    const invented = oauth.validateAuthResponse(p.as, p.client, changed('code', 'another'), made.state);
    await assert.rejects(redeem(p, invented, made), bodyError('invalid_grant', 400));
    await assert.rejects(refresh(p, 'another'), bodyError('invalid_grant', 400));
    await assert.rejects(userinfo(p, 'another', world.user), noToken);

    await world.forget();
    const fails = async (extra, error, person) => assert.rejects(answered(p, world, await attempt(p, extra), person), (thrown) => {
      assert.deepEqual([thrown.code, thrown.error], ['OAUTH_AUTHORIZATION_RESPONSE_ERROR', error], thrown.stack);
      return true;
    });
    await fails({ prompt: 'none' }, 'login_required');
    await fails({}, 'access_denied', { phone: 'deny' });
    await fails({ scope: 'email' }, 'invalid_request');
    await fails({ prompt: 'none login' }, 'invalid_request');

    const secret = await party(world, 'secret');
    const wrong = { ...secret, authentication: oauth.ClientSecretBasic('another secret of sixteen bytes') };
    await assert.rejects(refresh(wrong, 'x'), challenge(401, [['basic', undefined]]));
    await assert.rejects(introspect({ ...secret, authentication: oauth.None() }, 'x'), bodyError('invalid_client', 401));
  },

  async 'an approval that no browser has begun: not yet, too soon, and then once'(world) {
    for (const name of ['secret', 'keys', 'proof']) {
      const p = await party(world, name);
      const options = name === 'proof' ? { DPoP: oauth.DPoP(p.client, await oauth.generateKeyPair('ES256')) } : {};
      const begun = await ask(p, { login_hint: world.user, binding_message: 'Table 4', requested_expiry: '90', scope: 'openid profile offline_access' });
      assert.ok(begun.expires_in > 80 && begun.expires_in <= 90, begun.expires_in);
      assert.equal(begun.interval, 5);
      await assert.rejects(poll(p, begun.auth_req_id, options), bodyError('authorization_pending', 400));
      await assert.rejects(poll(p, begun.auth_req_id, options), bodyError('slow_down', 400));
      await world.decide(begun.autoPassword, { scopes: ['identity:name'] });
      const another = await party(world, 'pairwise');
      await assert.rejects(poll(another, begun.auth_req_id), bodyError('invalid_grant', 400));
      const { tokens, claims } = await poll(p, begun.auth_req_id, options); // what is there is there at once
      assert.deepEqual([claims.sub, claims.aud, claims.amr], [world.user, p.client.client_id, ['swk', 'otp']]);
      assert.deepEqual([tokens.token_type, tokens.scope], [name === 'proof' ? 'dpop' : 'bearer', 'openid profile offline_access']);
      assert.deepEqual(await userinfo(p, tokens.access_token, world.user, options), { sub: world.user, name: 'Alice Doe' });
      const audience = p.as.userinfo_endpoint;
      const access = await oauth.validateJwtAccessToken(p.as, await requestWith(tokens.access_token, audience, options), audience, http);
      for (const claim of ['sub', 'auth_time', 'acr', 'amr']) assert.deepEqual(access[claim], claims[claim], claim);
      await assert.rejects(poll(p, begun.auth_req_id, options), bodyError('invalid_grant', 400));
      assert.equal((await refresh(p, tokens.refresh_token, options)).claims.auth_time, claims.auth_time);
    }
  },

  async 'an approval that no browser has begun, and that does not come'(world) {
    const p = await party(world, 'secret');
    const late = await ask(p, { login_hint: world.user, requested_expiry: '2' });
    await pause(1000 * late.expires_in);
    await assert.rejects(poll(p, late.auth_req_id), bodyError('expired_token', 400)); // at the end, and
    await pause(1000);
    await assert.rejects(poll(p, late.auth_req_id), bodyError('expired_token', 400)); // later
    const declined = await ask(p, { login_hint: world.user });
    await world.decide(declined.autoPassword, { phone: 'deny' });
    await assert.rejects(poll(p, declined.auth_req_id), bodyError('access_denied', 400));
    await assert.rejects(poll(p, 'another'), bodyError('invalid_grant', 400));
    await assert.rejects(ask(p, {}), bodyError('invalid_request', 400));
    await assert.rejects(ask(p, { login_hint: world.user, binding_message: ' ' }), bodyError('invalid_binding_message', 400));
    await assert.rejects(ask(p, { login_hint: 'alice' }), bodyError('unknown_user_id', 400));
    await assert.rejects(ask(p, { login_hint: world.user, request: 'a.b.c' }), bodyError('invalid_request', 400));
    const wrong = { ...p, authentication: oauth.ClientSecretBasic('another secret of sixteen bytes') };
    await assert.rejects(ask(wrong, { login_hint: world.user }), challenge(401, [['basic', undefined]]));
    await assert.rejects(ask(await party(world, 'open'), { login_hint: world.user }), bodyError('unauthorized_client', 400));
    await assert.rejects(ask(await party(world, 'told'), { login_hint: world.user }), bodyError('unauthorized_client', 400)); // it may not
  },

  async 'a signing key is replaced, and an API goes on with the keys that it has'(world) {
    const p = await party(world, 'open');
    const [before, ahead] = [{}, {}];
    const validate = async (token, cache) => oauth.validateJwtAccessToken(await discover(world.issuer), await requestWith(token, p.as.userinfo_endpoint),
      p.as.userinfo_endpoint, { ...http, [oauth.jwksCache]: cache });
    const { access_token: old, refresh_token: first } = (await login(p, world, { scope: 'openid offline_access' })).tokens;
    await validate(old, before);
    const kid = await world.rotate();
    while (!ahead.jwks?.keys.some((key) => key.kid === kid)) { // published before it signs
      delete ahead.jwks;
      await validate(old, ahead);
    }
    const fetched = await world.count('/.well-known/jwks.json');
    const kidOf = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid;
    let tokens = { refresh_token: first };
    // The client's own metadata is new each time, and so are the keys that the library keeps with it.
    do ({ tokens } = await refresh({ ...p, as: await discover(world.issuer) }, tokens.refresh_token, { [oauth.jwksCache]: { ...ahead } }));
    while (kidOf(tokens.access_token) !== kid);
    assert.equal((await validate(tokens.access_token, ahead)).sub, world.user);
    assert.equal((await validate(old, ahead)).sub, world.user);
    assert.equal(await world.count('/.well-known/jwks.json'), fetched);

    before.uat -= 61; // only keys of a minute ago are fetched again
    assert.equal((await validate(tokens.access_token, before)).sub, world.user);
    assert.equal(await world.count('/.well-known/jwks.json'), fetched + 1);
    assert.equal((await validate(old, before)).sub, world.user);
  },
});
