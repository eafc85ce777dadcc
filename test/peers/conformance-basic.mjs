// The modules of the plans "Config OP" and "Basic OP" of the OpenID Foundation's conformance suite, played by their names: what
// each sends, and what it wants of the answer. docs/conformance.md has those that are not here, and why.
import assert from 'node:assert/strict';
import { judge } from './protocol.mjs';
import * as suite from './conformance.mjs';
import { after, attempt, code, error, granted, keeps, login, now, open, redeem, refresh, refused, silent, stays, told, userinfo } from './conformance.mjs';

const address = { formatted: '1 High Street, Prague' };

/** A module that is a login with parameters which must change nothing. */
const succeeds = (extra) => async (world) => {
  const p = await open(world, 'secret');
  const tokens = await login(p, extra);
  assert.equal(tokens.claims.sub, world.user);
  await told(p, tokens);
};

/** A module about what a scope is answered with: at userinfo, and not in the id_token. */
const releases = (scope, expected) => async (world) => {
  const p = await open(world, 'secret');
  assert.deepEqual(await told(p, await login(p, { scope })), expected);
};

/** The two logins of a module about the second of them. */
async function twice(world, extra, person, between = async () => {}) {
  const p = await open(world, 'secret');
  const first = await login(p);
  await between(first);
  const second = await login(p, typeof extra === 'function' ? extra(first) : extra, person);
  assert.equal(second.claims.sub, first.claims.sub);
  return [first.claims, second.claims];
}

const again = (extra) => async (world) => { // no step
  const [first, second] = await twice(world, extra, silent);
  assert.equal(second.auth_time, first.auth_time);
};

const anew = (extra, than) => async (world) => { // a step
  const [first, second] = await twice(world, extra, {}, ({ claims }) => after(claims.auth_time + than));
  assert.ok(second.auth_time > first.auth_time);
  assert.ok(now() - second.auth_time < 10);
};

await judge({
  async 'oidcc-discovery-endpoint-verification'(world) {
    const { as } = await open(world, 'secret');
    assert.equal(as.issuer, world.issuer);
    for (const name of ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri', 'end_session_endpoint', 'revocation_endpoint',
      'introspection_endpoint', 'pushed_authorization_request_endpoint', 'backchannel_authentication_endpoint']) assert.ok(as[name].startsWith(`${as.issuer}/`), name);
    for (const [name, value] of Object.entries(as)) {
      if (name.endsWith('_supported') && typeof value !== 'boolean') assert.ok(Array.isArray(value) && value.length > 0 && value.every((x) => typeof x === 'string'), name);
    }
    assert.ok(as.scopes_supported.includes('openid'));
    for (const scope of as.scopes_supported) assert.match(scope, /^[\x21\x23-\x5b\x5d-\x7e]+$/);
    assert.deepEqual(as.id_token_signing_alg_values_supported, ['ES256']); // the module wants RS256 too
    assert.deepEqual([as.response_types_supported, as.code_challenge_methods_supported], [['code'], ['S256']]);
    assert.deepEqual([as.request_parameter_supported, as.request_uri_parameter_supported, as.claims_parameter_supported], [false, false, false]);
    for (const type of as.subject_types_supported) assert.ok(['public', 'pairwise'].includes(type));
    const response = await fetch(as.jwks_uri);
    assert.equal(response.status, 200);
    const { keys } = await response.json();
    assert.ok(keys.length > 0 && new Set(keys.map(({ kid }) => kid)).size === keys.length);
    for (const { kid, kty, crv, x, y, use, alg, ...rest } of keys) {
      assert.ok(kid);
      assert.deepEqual([kty, crv, use, as.id_token_signing_alg_values_supported.includes(alg)], ['EC', 'P-256', 'sig', true]);
      assert.deepEqual([x, y].map((member) => Buffer.from(member, 'base64url').length), [32, 32]);
      assert.deepEqual(rest, {}); // nothing private
    }
    assert.deepEqual(await (await fetch(`${world.issuer}/.well-known/oauth-authorization-server`)).json(), as);
  },

  async 'oidcc-server'(world) {
    const p = await open(world, 'secret');
    const codes = new Set();
    for (const extra of [{}, { prompt: 'login' }]) codes.add((await login(p, extra)).code);
    assert.equal(codes.size, 2);
  },
  async 'oidcc-response-type-missing'(world) {
    const p = await open(world, 'secret');
    await error(p, attempt(p, { response_type: undefined }), ['invalid_request', 'unsupported_response_type']);
  },
  async 'oidcc-userinfo-get'(world) {
    const p = await open(world, 'secret');
    await told(p, await login(p));
    await keeps(p, undefined);
    await keeps(p, 'another');
  },
  async 'oidcc-userinfo-post-header'(world) {
    const p = await open(world, 'secret');
    await told(p, await login(p), { method: 'POST' });
  },
  async 'oidcc-userinfo-post-body'(world) { // need not be there (RFC 6750 §2.2), and is not
    const p = await open(world, 'secret');
    const { access_token: token } = await login(p);
    const { status, headers } = await userinfo(p, undefined, { method: 'POST', body: new URLSearchParams({ access_token: token }) });
    assert.equal(status, 401);
    assert.match(headers.get('www-authenticate'), /^Bearer/);
  },
  'oidcc-ensure-request-without-nonce-succeeds-for-code-flow': succeeds({ nonce: undefined }),
  'oidcc-scope-profile': releases('openid profile', { name: 'Alice Doe' }),
  'oidcc-scope-email': releases('openid email', { email: 'alice@bank.example' }),
  'oidcc-scope-address': releases('openid address', { address }),
  'oidcc-scope-phone': releases('openid phone', { phone_number: '+420601234567' }),
  'oidcc-scope-all': releases('openid email phone address profile', { name: 'Alice Doe', email: 'alice@bank.example', phone_number: '+420601234567', address }),
  async 'oidcc-alternate-happy-flow'(world) {
    const p = await open(world, 'secret');
    const made = attempt(p, { scope: 'profile openid' });
    made.parameters = Object.fromEntries(Object.entries(made.parameters).reverse());
    const tokens = await granted(p, await redeem(p, made, await code(p, made)), made.parameters.nonce);
    assert.deepEqual(await told(p, tokens), { name: 'Alice Doe' });
  },
  'oidcc-display-page': succeeds({ display: 'page' }),
  'oidcc-display-popup': succeeds({ display: 'popup' }),
  'oidcc-prompt-login': anew({ prompt: 'login' }, 0),
  async 'oidcc-prompt-none-not-logged-in'(world) {
    const p = await open(world, 'secret');
    await error(p, attempt(p, { prompt: 'none' }), ['login_required', 'interaction_required', 'consent_required', 'account_selection_required']);
  },
  'oidcc-prompt-none-logged-in': again({ prompt: 'none' }),
  'oidcc-max-age-1': anew({ max_age: '1' }, 1),
  async 'oidcc-max-age-10000'(world) {
    const p = await open(world, 'secret');
    const first = await login(p, { max_age: '15000' });
    const second = await login(p, { max_age: '10000' }, silent);
    assert.ok(first.claims.auth_time > 0);
    assert.deepEqual([second.claims.sub, second.claims.auth_time], [first.claims.sub, first.claims.auth_time]);
  },
  'oidcc-ensure-request-with-unknown-parameter-succeeds': succeeds({ extra: 'foobar' }),
  'oidcc-id-token-hint': again(({ id_token: hint }) => ({ prompt: 'none', id_token_hint: hint })),
  'oidcc-login-hint': succeeds({ login_hint: 'buffy@login.bank.example' }),
  'oidcc-ui-locales': succeeds({ ui_locales: 'se' }),
  'oidcc-claims-locales': succeeds({ claims_locales: 'se' }),
  async 'oidcc-ensure-request-with-acr-values-succeeds'(world) {
    const p = await open(world, 'secret');
    const { claims } = await login(p, { acr_values: p.as.acr_values_supported.join(' ') });
    assert.ok(p.as.acr_values_supported.includes(claims.acr));
    await login(p, { acr_values: '1 2' });
  },
  async 'oidcc-codereuse'(world) { // and of oidcc-codereuse-30seconds all but the wait: the access token is dead
    const p = await open(world, 'secret');
    const { made, code: spent, ...tokens } = await login(p);
    await told(p, tokens);
    refused(await redeem(p, made, spent), 'invalid_grant');
    await keeps(p, tokens.access_token);
  },
  async 'oidcc-ensure-registered-redirect-uri'(world) {
    const p = await open(world, 'secret');
    await stays(p, await suite.address(p, attempt(p, { redirect_uri: `${p.client.redirect}/extra` })), /400 .*redirect/s);
  },
  async 'oidcc-ensure-post-request-succeeds'(world) {
    const p = await open(world, 'secret');
    const made = attempt(p);
    const of = await code(p, made, { form: String(new URLSearchParams(made.parameters)) }, p.as.authorization_endpoint);
    await granted(p, await redeem(p, made, of), made.parameters.nonce);
  },
  async 'oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported'(world) {
    const p = await open(world, 'secret');
    await error(p, attempt(p, { request_uri: 'https://shop.example/request.jwt' }), ['request_uri_not_supported']);
  },
  async 'oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported'(world) {
    const p = await open(world, 'secret');
    const made = attempt(p);
    made.parameters.request = suite.sign({ alg: 'none' }, made.parameters, '', 'none');
    await error(p, made, ['request_not_supported']);
  },
  async 'oidcc-ensure-request-object-with-redirect-uri'(world) {
    const p = await open(world, 'secret');
    const made = attempt(p, { redirect_uri: 'https://evil.example/' });
    made.parameters.request = suite.sign({ alg: 'none' }, attempt(p).parameters, '', 'none');
    await stays(p, await suite.address(p, made), /400 .*redirect/s);
  },
  async 'oidcc-claims-essential'(world) { // claims_parameter_supported is false: it must do no harm
    const p = await open(world, 'secret');
    const claims = JSON.stringify({ userinfo: { name: { essential: true } }, id_token: { acr: { essential: true, values: ['another'] } } });
    assert.deepEqual(await told(p, await login(p, { claims })), {});
    assert.deepEqual(await told(p, await login(p, { claims, scope: 'openid profile', prompt: 'consent' })), { name: 'Alice Doe' });
  },
  async 'oidcc-refresh-token'(world) {
    const [p, another] = [await open(world, 'secret'), await open(world, 'pairwise')];
    const first = await login(p, { scope: 'openid email offline_access', prompt: 'consent' });
    refused(await refresh(another, first.refresh_token), 'invalid_grant');
    const next = await granted(p, await refresh(p, first.refresh_token, { form: { scope: 'openid' } }));
    for (const name of ['sub', 'auth_time', 'aud', 'iss', 'sid']) assert.equal(next.claims[name], first.claims[name], name);
    assert.notEqual(next.access_token, first.access_token);
    assert.deepEqual([next.scope, await told(p, next)], ['openid', {}]);
    const whole = await granted(p, await refresh(p, next.refresh_token));
    assert.deepEqual(await told(p, whole), { email: 'alice@bank.example' });
    refused(await refresh(p, whole.refresh_token, { form: { scope: 'openid profile' } }), 'invalid_scope');
  },
  async 'oidcc-ensure-request-with-valid-pkce-succeeds'(world) {
    const p = await open(world, 'tenant'); // whose registered address has a query, which stays
    await login(p);
    await error(p, attempt(p, { code_challenge: undefined, code_challenge_method: undefined }), ['invalid_request']); // PKCE is not optional here
  },
});
