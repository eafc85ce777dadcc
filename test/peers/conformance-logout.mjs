// The modules of the plans "RP-Initiated Logout OP" and "Back-Channel Logout OP" of the OpenID Foundation's conformance suite,
// played by their names: what each sends, and what it wants of the answer.
import assert from 'node:assert/strict';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { judge, listen } from './protocol.mjs';
import { attempt, error, login, newKey, now, open, random, sign, silent, stays } from './conformance.mjs';

const event = 'http://schemas.openid.net/event/backchannel-logout';

/** The request of a logout, as the module has it: what is undefined is left out. */
async function begun(world, change = () => ({})) {
  const p = await open(world, 'told');
  const tokens = await login(p);
  const parameters = { id_token_hint: tokens.id_token, post_logout_redirect_uri: p.client.bye, state: random(8), ...change(p, tokens) };
  const url = new URL(p.as.end_session_endpoint);
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  return { p, url, parameters, tokens };
}

/** The login has ended, or it has not. */
const ended = (p) => error(p, attempt(p, { prompt: 'none' }), ['login_required']);
const lasts = (p) => login(p, { prompt: 'none' }, silent);

/** A module whose browser comes back, with the state and no more. */
const comesBack = (change) => async (world) => {
  const backEnd = listen();
  const { p, url, parameters, tokens } = await begun(world, change);
  const back = await world.visit(url);
  const expected = new URL(p.client.bye);
  if (parameters.state !== undefined) expected.searchParams.set('state', parameters.state);
  assert.deepEqual([back.origin + back.pathname, [...back.searchParams], back.hash], [expected.origin + expected.pathname, [...expected.searchParams], '']);
  await ended(p);
  const told = await backEnd.next();
  backEnd.close();
  return { p, tokens, told };
};

/** A module whose browser must not come back: it is shown an error, and stays logged in. */
const goesNowhere = (change) => async (world) => {
  const { p, url } = await begun(world, change);
  await stays(p, url, /stays at .*: 400 .*This logout cannot be finished/s);
  await lasts(p);
};

/** A module whose user is asked, and may say yes. */
const asks = (change, then) => async (world) => {
  const { p, url } = await begun(world, change);
  await stays(p, url, /stays at .*: 200 .*Log out\?/s);
  await lasts(p);
  const backEnd = listen();
  if (then) await stays(p, url, then, { choice: 'yes' });
  else await world.visit(url, { choice: 'yes' });
  await ended(p);
  await backEnd.next();
  backEnd.close();
};

const done = /stays at .*: 200 .*You are logged out/s;
const parts = (token) => token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));

await judge({
  async 'oidcc-rp-initiated-logout-discovery-endpoint-verification'(world) {
    const { as } = await open(world, 'told');
    assert.ok(as.end_session_endpoint.startsWith(`${as.issuer}/`));
  },
  'oidcc-rp-initiated-logout': comesBack(),
  'oidcc-rp-initiated-logout-bad-post-logout-redirect-uri': goesNowhere(() => ({ post_logout_redirect_uri: 'https://told.example/another' })),
  'oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri': goesNowhere(({ client }) => ({ post_logout_redirect_uri: `${client.bye}&foo=bar` })),
  'oidcc-rp-initiated-logout-modified-id-token-hint': asks((p, { id_token: token }) => {
    const [head, claims] = parts(token);
    return { id_token_hint: sign({ ...head, alg: 'none' }, claims, '', 'none') };
  }, done),
  'oidcc-rp-initiated-logout-bad-id-token-hint': asks(({ as, client }, { id_token: token, claims }) => {
    const [head] = parts(token);
    return { id_token_hint: sign(head, { iss: as.issuer, sub: claims.sub, aud: client.id, iat: now(), exp: now() + 300, sid: claims.sid }, newKey().privateKey) };
  }, done),
  'oidcc-rp-initiated-logout-no-id-token-hint': goesNowhere(() => ({ id_token_hint: undefined })),
  'oidcc-rp-initiated-logout-no-params': asks(() => ({ id_token_hint: undefined, post_logout_redirect_uri: undefined, state: undefined }), done),
  'oidcc-rp-initiated-logout-only-state': asks(() => ({ id_token_hint: undefined, post_logout_redirect_uri: undefined }), done),
  async 'oidcc-rp-initiated-logout-no-post-logout-redirect-uri'(world) {
    const { p, url } = await begun(world, () => ({ post_logout_redirect_uri: undefined }));
    const backEnd = listen();
    await stays(p, url, done);
    await ended(p);
    await backEnd.next();
    backEnd.close();
  },
  'oidcc-rp-initiated-logout-no-state': comesBack(() => ({ state: undefined })),

  async 'oidcc-backchannel-logout-discovery-endpoint-verification'(world) {
    const { as } = await open(world, 'told');
    assert.deepEqual([as.backchannel_logout_supported, as.backchannel_logout_session_supported], [true, true]);
  },
  async 'oidcc-backchannel-rp-initiated-logout'(world) {
    const { p: { as, client }, tokens, told: { method, url, headers, body } } = await comesBack()(world);
    assert.deepEqual([method, url, headers['content-type']], ['POST', client.logout, 'application/x-www-form-urlencoded']);
    const form = new URLSearchParams(body);
    assert.deepEqual([...form.keys()], ['logout_token']);
    const { payload } = await jwtVerify(form.get('logout_token'), createRemoteJWKSet(new URL(as.jwks_uri)), {
      typ: 'logout+jwt', issuer: as.issuer, audience: client.id, algorithms: as.id_token_signing_alg_values_supported, maxTokenAge: '2m',
    });
    const { iat, exp, jti, events, sub, sid, iss, aud, ...rest } = payload;
    assert.deepEqual([sub, sid, events, rest], [tokens.claims.sub, tokens.claims.sid, { [event]: {} }, {}]); // and so no nonce
    assert.ok(iss && aud && jti && exp - iat <= 120 && Math.abs(now() - iat) < 60);
  },
});
