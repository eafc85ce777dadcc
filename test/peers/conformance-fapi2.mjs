// The modules of the plan "FAPI 2.0 Security Profile Final" of the OpenID Foundation's conformance suite, with private_key_jwt,
// DPoP and unsigned requests, played by their names: what each sends, and what it wants of the answer. docs/conformance.md has
// those that are not here, and why.
import assert from 'node:assert/strict';
import { judge } from './protocol.mjs';
import {
  address, assertion, attempt, code, error, granted, keeps, login, newKey, now, open, proof, push, pushedAddress, random, redeem, refresh, refused, silent,
  stays, thumbprint, told, userinfo,
} from './conformance.mjs';

/** A module that is a login with something which must change nothing. */
const succeeds = (extra) => async (world) => {
  const p = await open(world, 'fapi');
  const tokens = await login(p, extra);
  assert.equal(tokens.claims.sub, world.user);
  await told(p, tokens);
};

/** A module about a request that must not be taken when it is pushed. */
const unpushable = (extra, ...errors) => async (world) => {
  const p = await open(world, 'fapi');
  refused(await push(p, attempt(p, extra)), ...errors);
};

/** A module about a proof: all requests of a login have it, and the one to userinfo. */
const proves = (changed) => async (world) => {
  const p = await open(world, 'fapi');
  const of = (method, url, token) => proof(p.dpop, method, url, { token, claims: changed() });
  const made = attempt(p);
  const { status, body: { request_uri: uri } } = await push(p, made, { proven: of('POST', p.as.pushed_authorization_request_endpoint) });
  assert.equal(status, 201);
  const brought = await code(p, made, {}, pushedAddress(p, uri));
  const tokens = await granted(p, await redeem(p, made, brought, { proven: of('POST', p.as.token_endpoint) }), made.parameters.nonce);
  await told(p, tokens, { proven: of('GET', p.as.userinfo_endpoint, tokens.access_token) });
};

/** A module about an assertion at the PAR endpoint that must not be taken. */
const pushedBy = (changed) => async (world) => {
  const p = await open(world, 'fapi');
  refused(await push(p, attempt(p), { who: assertion(p, changed(p)) }), 'invalid_client', 'invalid_request');
};

/** A module about an assertion at the token endpoint; the code is not lost by one that is wrong. */
const redeemedBy = (changed) => async (world) => {
  const p = await open(world, 'fapi');
  const made = attempt(p);
  const brought = await code(p, made);
  refused(await redeem(p, made, brought, { who: changed(p) }), 'invalid_client', 'invalid_request');
  await granted(p, await redeem(p, made, brought), made.parameters.nonce);
};

/** A module about what is wrong with a request for tokens; whatever it is, there are none. */
const unredeemable = (options, error) => async (world) => {
  const p = await open(world, 'fapi');
  const made = attempt(p);
  refused(await redeem(p, made, await code(p, made), await options(p)), ...error);
};

await judge({
  async 'fapi2-security-profile-final-discovery-end-point-verification'(world) {
    const { as } = await open(world, 'fapi');
    assert.equal(as.authorization_response_iss_parameter_supported, true);
    assert.ok(as.pushed_authorization_request_endpoint.startsWith(`${as.issuer}/`));
    assert.ok(as.token_endpoint_auth_methods_supported.includes('private_key_jwt'));
    assert.ok(as.dpop_signing_alg_values_supported.every((alg) => ['ES256', 'PS256', 'EdDSA'].includes(alg)));
    assert.ok(as.token_endpoint_auth_signing_alg_values_supported.includes('ES256') && as.token_endpoint_auth_signing_alg_values_supported.includes('PS256'));
    assert.deepEqual([as.response_types_supported, as.code_challenge_methods_supported], [['code'], ['S256']]);
    assert.ok(as.grant_types_supported.includes('authorization_code') && !as.grant_types_supported.includes('password'));
    for (const name of ['authorization_signing_alg_values_supported', 'request_object_signing_alg_values_supported']) assert.equal(as[name], undefined);
  },
  async 'fapi2-security-profile-final-happy-flow'(world) {
    const [one, two] = [await open(world, 'fapi'), await open(world, 'fapi2')];
    const [first, second] = [await login(one), await login(two)];
    await told(one, first);
    await told(two, second);
    await keeps({ ...one, dpop: two.dpop }, first.access_token);
    for (const by of ['ES256', 'PS256']) refused(await refresh(one, 'none', { who: assertion(one, { by }) }), 'invalid_grant');
  },
  async 'fapi2-security-profile-final-user-rejects-authentication'(world) {
    const p = await open(world, 'fapi');
    await error(p, attempt(p), ['access_denied'], silent);
  },
  'fapi2-security-profile-final-ensure-authorization-request-without-state-success': succeeds({ state: undefined }),
  'fapi2-security-profile-final-ensure-authorization-request-without-nonce-success': succeeds({ nonce: undefined }),
  'fapi2-security-profile-final-ensure-authorization-request-with-64-char-nonce-success': succeeds({ nonce: `${random(45)}-._~` }),
  'fapi2-security-profile-final-ensure-authorization-request-with-long-nonce': succeeds({ nonce: random(288) }),
  'fapi2-security-profile-final-ensure-authorization-request-with-long-state': succeeds({ state: random(768) }),
  async 'fapi2-security-profile-final-ensure-other-scope-order-succeeds'(world) {
    const p = await open(world, 'fapi');
    assert.deepEqual(await told(p, await login(p, { scope: 'email openid' })), { email: 'alice@bank.example' });
  },
  async 'fapi2-security-profile-final-access-token-type-header-case-sensitivity'(world) {
    const p = await open(world, 'fapi');
    const tokens = await login(p);
    for (const scheme of ['DPoP', 'dpop', 'DPOP']) await told(p, tokens, { scheme });
  },
  'fapi2-security-profile-final-check-dpop-proof-nbf-exp': proves(() => ({ nbf: now(), exp: now() + 300 })),
  'fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-before-succeeds': proves(() => ({ iat: now() - 10 })),
  'fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-after-succeeds': proves(() => ({ iat: now() + 10 })),
  async 'fapi2-security-profile-final-ensure-mismatched-dpop-jkt-fails'(world) {
    const p = await open(world, 'fapi');
    refused(await push(p, attempt(p, { dpop_jkt: await thumbprint(newKey()) })), 'invalid_dpop_proof', 'invalid_request');
  },
  async 'fapi2-security-profile-final-ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt'(world) {
    const p = await open(world, 'fapi');
    const made = attempt(p);
    const brought = await code(p, made);
    refused(await redeem({ ...p, dpop: newKey() }, made, brought), 'invalid_dpop_proof', 'invalid_grant', 'invalid_request');
  },
  async 'fapi2-security-profile-final-ensure-token-endpoint-fails-with-mismatched-dpop-jkt'(world) {
    const p = await open(world, 'fapi');
    const made = attempt(p, { dpop_jkt: await thumbprint(p.dpop) });
    const { body: { request_uri: uri } } = await push(p, made, { proven: null });
    const brought = await code(p, made, {}, pushedAddress(p, uri));
    refused(await redeem({ ...p, dpop: newKey() }, made, brought), 'invalid_dpop_proof', 'invalid_grant', 'invalid_request');
  },
  'fapi2-security-profile-final-ensure-dpopproof-at-par-endpoint-binding-success': succeeds({}),
  async 'fapi2-security-profile-final-ensure-dpop-auth-code-binding-success'(world) {
    const p = await open(world, 'fapi');
    await told(p, await login(p, { dpop_jkt: await thumbprint(p.dpop) }));
  },

  'fapi2-security-profile-final-ensure-registered-redirect-uri': unpushable({ redirect_uri: 'https://fapi.example/callback/extra' }, 'invalid_request'),
  'fapi2-security-profile-final-plain-fapi-tolerate-unregistered-redirect-uri': unpushable({ redirect_uri: 'https://other.example/' }, 'invalid_request'),
  'fapi2-security-profile-final-ensure-redirect-uri-in-authorization-request': unpushable({ redirect_uri: undefined }, 'invalid_request'),
  'fapi2-security-profile-final-ensure-response-type-code-idtoken-fails': unpushable({ response_type: 'code id_token' }, 'invalid_request', 'unsupported_response_type'),
  'fapi2-security-profile-final-ensure-response-type-token-fails': unpushable({ response_type: 'token' }, 'invalid_request', 'unsupported_response_type'),
  'fapi2-security-profile-final-par-authorization-request-containing-request_uri-form-param':
    unpushable({ request_uri: 'urn:ietf:params:oauth:request_uri:x' }, 'invalid_request'),
  'fapi2-security-profile-final-par-ensure-pkce-required': unpushable({ code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'),
  'fapi2-security-profile-final-par-plain-pkce-rejected': unpushable({ code_challenge_method: 'plain' }, 'invalid_request'),
  async 'fapi2-security-profile-final-ensure-unsigned-authorization-request-without-using-par-fails'(world) {
    const p = await open(world, 'fapi');
    const made = attempt(p);
    await stays(p, await address({ ...p, client: { ...p.client, pushes: false } }, made), /stays at .*: 400/s);
  },
  async 'fapi2-security-profile-final-par-without-duplicate-parameters'(world) {
    const p = await open(world, 'fapi2');
    const made = attempt(p, { scope: 'openid email' });
    const to = await address(p, made); // which has client_id and request_uri alone
    to.searchParams.set('scope', 'openid'); // and what is added counts for nothing
    assert.deepEqual(await told(p, await granted(p, await redeem(p, made, await code(p, made, {}, to)), made.parameters.nonce)), { email: 'alice@bank.example' });
  },
  async 'fapi2-security-profile-final-par-attempt-reuse-request_uri'(world) {
    const p = await open(world, 'fapi');
    const made = attempt(p);
    const to = await address(p, made);
    await code(p, made, {}, to);
    await stays(p, to, /stays at .*: 400/s);
  },
  async 'fapi2-security-profile-final-par-attempt-to-use-request_uri-for-different-client'(world) {
    const [p, another] = [await open(world, 'fapi'), await open(world, 'fapi2')];
    const to = await address(p, attempt(p));
    to.searchParams.set('client_id', another.client.id);
    await stays(p, to, /stays at .*: 400/s);
  },
  async 'fapi2-security-profile-final-par-attempt-invalid-http-method'(world) {
    const { as } = await open(world, 'fapi');
    for (const method of ['GET', 'PUT', 'DELETE']) assert.equal((await fetch(as.pushed_authorization_request_endpoint, { method })).status, 405);
  },
  'fapi2-security-profile-final-par-test-token-endpoint-url-as-audience-fails': pushedBy(({ as }) => ({ claims: { aud: as.token_endpoint } })),
  'fapi2-security-profile-final-par-test-par-endpoint-url-as-audience-fails': pushedBy(({ as }) => ({ claims: { aud: as.pushed_authorization_request_endpoint } })),
  'fapi2-security-profile-final-par-test-array-as-audience-fails': pushedBy(({ as }) => ({ claims: { aud: [as.issuer, as.token_endpoint] } })),
  'fapi2-security-profile-final-par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails':
    pushedBy(() => ({ claims: { iat: now() + 65, nbf: now() + 65, exp: now() + 120 } })),
  async 'fapi2-security-profile-final-par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted'(world) {
    const p = await open(world, 'fapi');
    assert.equal((await push(p, attempt(p), { who: assertion(p, { claims: { iat: now() + 8, nbf: now() + 8 } }) })).status, 201);
  },

  'fapi2-security-profile-final-ensure-client-id-in-token-endpoint': redeemedBy((p) => assertion({ as: p.as, client: { ...p.world.clients.fapi2, keys: p.client.keys } })),
  'fapi2-security-profile-final-ensure-client-assertion-in-token-endpoint': redeemedBy(({ client }) => ({ client_id: client.id })),
  'fapi2-security-profile-final-ensure-signed-client-assertion-with-RS256-fails': redeemedBy((p) => assertion(p, { by: 'PS256', header: { alg: 'RS256' } })),
  'fapi2-security-profile-final-ensure-client-assertion-with-exp-is-5-minutes-in-past-fails': redeemedBy((p) => assertion(p, { claims: { iat: now() - 360, exp: now() - 300 } })),
  'fapi2-security-profile-final-ensure-client-assertion-with-wrong-aud-fails': redeemedBy((p) => assertion(p, { claims: { aud: 'https://evil.example/' } })),
  'fapi2-security-profile-final-ensure-client-assertion-with-no-sub-fails': redeemedBy((p) => assertion(p, { claims: { sub: undefined } })),
  async 'fapi2-security-profile-final-ensure-holder-of-key-required'(world) {
    const p = await open(world, 'fapi');
    const made = attempt(p);
    refused(await redeem(p, made, await code(p, made), { proven: null }), 'invalid_dpop_proof', 'invalid_request', 'invalid_grant');
  },
  async 'fapi2-security-profile-final-ensure-authorization-code-is-bound-to-client'(world) {
    const [p, another] = [await open(world, 'fapi'), await open(world, 'fapi2')];
    const made = attempt(p);
    refused(await redeem({ ...another, dpop: p.dpop }, made, await code(p, made)), 'invalid_grant');
  },
  async 'fapi2-security-profile-final-attempt-reuse-authorization-code-after-one-second'(world) {
    const p = await open(world, 'fapi');
    const { made, code: spent, ...tokens } = await login(p);
    await told(p, tokens);
    refused(await redeem(p, made, spent), 'invalid_grant');
    await keeps(p, tokens.access_token);
  },
  'fapi2-security-profile-final-ensure-pkce-code-verifier-required': unredeemable(() => ({ form: { code_verifier: undefined } }), ['invalid_grant']),
  'fapi2-security-profile-final-incorrect-pkce-code-verifier-rejected': unredeemable(() => ({ form: { code_verifier: random() } }), ['invalid_grant']),

  async 'fapi2-security-profile-final-dpop-negative-tests'(world) {
    const p = await open(world, 'fapi');
    const { as, dpop } = p;
    const tokens = await login(p);
    const [token, url] = [tokens.access_token, as.userinfo_endpoint];
    const of = (changed, key = dpop) => proof(key, 'GET', url, { token, ...changed });
    const good = of({});
    for (const proven of ['a.b', `${good.slice(0, -4)}AAAA`,
      ...[{ typ: undefined }, { alg: undefined }, { jwk: undefined }, { typ: 'JWT' }, { jwk: dpop.privateKey.export({ format: 'jwk' }) }].map((header) => of({ header })),
      ...['none', 'HS256'].map((alg) => of({ alg, header: { alg } })),
      ...['jti', 'htm', 'htu', 'iat', 'ath'].map((name) => of({ claims: { [name]: undefined } })),
      ...[{ htm: 'PUT' }, { htu: 'https://evil.example/userinfo' }, { iat: now() + 3600 }, { iat: now() - 3600 }, { ath: random() }].map((claims) => of({ claims })),
      of({}, newKey())]) await keeps(p, token, { proven });
    const written = [`${url}?a=b#c`, url.replace('http:', 'HTTP:')].map((htu) => of({ claims: { htu } }));
    for (const proven of [good, of({ header: { extra: 1 }, claims: { extra: 1 } }), ...written]) await told(p, tokens, { proven });
    await keeps(p, token, { proven: good }); // twice
    await keeps(p, token, { proven: `${of({})}, ${of({})}` });
    await keeps(p, token, { proven: null });
    await keeps(p, token, { proven: null, scheme: 'Bearer' });
    await keeps(p, token, { scheme: 'Bearer' });
    await told({ ...p, as: { ...as, userinfo_endpoint: `${url}?a=b` } }, tokens, { proven: of({}) });
    await told(p, tokens);
  },
  async 'fapi2-security-profile-final-refresh-token'(world) {
    const [p, another] = [await open(world, 'fapi'), await open(world, 'fapi2')];
    const scope = 'openid offline_access';
    const first = await login(p, { scope });
    refused(await refresh(p, first.refresh_token, { who: {} }), 'invalid_client', 'invalid_grant', 'invalid_request');
    refused(await refresh(p, first.refresh_token, { proven: null }), 'invalid_dpop_proof', 'invalid_request', 'invalid_grant');
    const next = await granted(p, await refresh(p, first.refresh_token));
    for (const name of ['sub', 'auth_time', 'aud', 'iss']) assert.equal(next.claims[name], first.claims[name], name);
    await told(p, next);
    const { refresh_token: others } = await login(another, { scope });
    refused(await refresh({ ...p, dpop: another.dpop }, others), 'invalid_grant');
  },
  async 'fapi2-security-profile-final-test-essential-acr-sca-claim'(world) { // which may be refused; here it is not seen
    const p = await open(world, 'fapi');
    const { claims } = await login(p, { claims: JSON.stringify({ id_token: { acr: { essential: true, values: ['urn:openbanking:psd2:sca'] } } }) });
    assert.ok(p.as.acr_values_supported.includes(claims.acr));
  },
  async 'fapi2-security-profile-final-par-ensure-reused-request-uri-prior-to-auth-completion-succeeds'(world) { // should, and does not
    const p = await open(world, 'fapi');
    const to = await address(p, attempt(p));
    assert.equal((await fetch(to, { redirect: 'manual' })).status, 303);
    await stays(p, to, /stays at .*: 400/s);
  },
});
