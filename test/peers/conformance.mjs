// What the modules that the OpenID Foundation's conformance suite names have in common: each request is made by hand, so that
// it can be wrong in any way, and each answer is held against the syntax of its specification, the errors too.
import assert from 'node:assert/strict';
import * as crypto from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { calculateJwkThumbprint, createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';

export const random = (bytes = 32) => crypto.randomBytes(bytes).toString('base64url');
export const now = () => Math.floor(Date.now() / 1000);
const digest = (text) => crypto.createHash('sha256').update(text).digest('base64url');
const defined = (members) => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));

/** Nobody is asked: where the phone would be, it declines. */
export const silent = { phone: 'deny' };

/** The clock's second is a later one. */
export async function after(second) {
  while (now() <= second) await pause(20);
}

/** A JWS whose header says what it likes: what it is signed with is the algorithm given. */
export function sign(header, payload, key, alg = 'ES256') {
  const text = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  if (alg === 'none') return `${text}.`;
  const how = { ES256: { dsaEncoding: 'ieee-p1363' }, RS256: {}, PS256: { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } }[alg];
  const signature = how ? crypto.sign('sha256', text, { key, ...how }) : crypto.createHmac('sha256', key).update(text).digest();
  return `${text}.${signature.toString('base64url')}`;
}

export const newKey = () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const thumbprint = ({ publicKey }) => calculateJwkThumbprint(publicKey.export({ format: 'jwk' }));

/** A proof that the client holds a key (RFC 9449 §4.2), and what is changed of it. */
export function proof({ privateKey, publicKey }, htm, htu, { token, claims = {}, header = {}, alg } = {}) {
  const head = defined({ typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }), ...header });
  const ath = token && digest(token);
  return sign(head, defined({ jti: random(), htm, htu, iat: now(), ath, ...claims }), alg === 'HS256' ? 'secret' : privateKey, alg);
}

const keyOf = ({ keys }, alg) => {
  const { kid, private: pkcs8 } = keys.find((key) => key.alg === alg);
  return { kid, key: crypto.createPrivateKey({ key: Buffer.from(pkcs8, 'base64'), format: 'der', type: 'pkcs8' }) };
};

/** How a client says who it is by a key (RFC 7523 §2.2), and what is changed of that. */
export function assertion({ as, client }, { claims = {}, header = {}, by = 'ES256' } = {}) {
  const { kid, key } = keyOf(client, by);
  const payload = { iss: client.id, sub: client.id, aud: as.issuer, jti: random(), iat: now(), exp: now() + 60, ...claims };
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: sign({ alg: by, kid, ...header }, defined(payload), key, header.alg ?? by),
  };
}

/** A client, with the key that it binds its tokens to if it does. */
export async function open(world, name) {
  const response = await fetch(`${world.issuer}/.well-known/openid-configuration`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^application\/json/);
  const as = await response.json();
  const client = world.clients[name];
  return { world, as, client, dpop: client.dpop ? newKey() : undefined };
}

const text = /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/; // RFC 6749 appendix A.7 and A.8

/** An error has a code, and texts without line breaks and quotes, and nothing else. */
function wellFormed(error, also = []) {
  for (const name of Object.keys(error)) assert.ok(['error', 'error_description', 'error_uri', ...also].includes(name), name);
  assert.match(error.error, /^[a-z_]+$/);
  assert.match(error.error_description ?? '', text);
  return error;
}

/** A request to an endpoint without a browser, as the client it is from; any part of it can be another. */
export async function call(p, endpoint, form, { who, proven, headers = {} } = {}) {
  const { client, dpop } = p;
  const parameters = defined({ ...form, ...(who ?? (client.keys ? assertion(p) : client.secret ? {} : { client_id: client.id })) });
  const head = { ...headers };
  if (client.secret && !who) head.authorization = `Basic ${Buffer.from(`${client.id}:${encodeURIComponent(client.secret)}`).toString('base64')}`;
  const shown = proven === undefined && dpop ? proof(dpop, 'POST', endpoint) : proven;
  if (shown) head.dpop = shown;
  const response = await fetch(endpoint, { method: 'POST', headers: head, body: new URLSearchParams(parameters), redirect: 'manual' });
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/, `${response.status}`);
  assert.equal(response.headers.get('cache-control'), 'no-store');
  const body = await response.json();
  if (!response.ok) wellFormed(body);
  return { status: response.status, headers: response.headers, body };
}

/** An answer is one of the errors given. */
export function refused({ status, body }, ...errors) {
  assert.ok(errors.includes(body.error), `${status} ${JSON.stringify(body)}, not ${errors}`);
  assert.ok(status === 400 || (status === 401 && body.error === 'invalid_client'), `${status} ${body.error}`);
}

/** What a login begins with; a parameter that is undefined is left out. */
export function attempt({ client }, extra = {}) {
  const verifier = random();
  const parameters = {
    client_id: client.id, redirect_uri: client.redirect, response_type: 'code', scope: 'openid', state: random(8), nonce: random(8),
    code_challenge: digest(verifier), code_challenge_method: 'S256', ...extra,
  };
  return { parameters: defined(parameters), verifier };
}

export const push = (p, { parameters }, options) => call(p, p.as.pushed_authorization_request_endpoint, parameters, options);

/** Where the browser is sent: by a client that pushes its requests, with what names one. */
export async function address(p, made) {
  const url = new URL(p.as.authorization_endpoint);
  if (!p.client.pushes) {
    url.search = new URLSearchParams(made.parameters);
    return url;
  }
  const { status, body } = await push(p, made);
  assert.equal(status, 201, JSON.stringify(body));
  assert.ok(body.expires_in >= 5 && body.expires_in < 600, 'FAPI 2.0 Security Profile §5.3.2.2');
  return pushedAddress(p, body.request_uri);
}

export function pushedAddress({ as, client }, uri) {
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({ client_id: client.id, request_uri: uri });
  return url;
}

const meant = { profile: 'identity:name', email: 'identity:email', phone: 'identity:phone', address: 'identity:address' };

/** The browser goes to the provider, where the user grants what is asked, and comes back to an address as it is registered. */
async function came({ world, as }, { parameters }, person, to) {
  const scopes = (parameters.scope ?? '').split(' ').map((name) => meant[name]).filter(Boolean);
  const back = await world.visit(to, { scopes, ...person });
  const url = new URL(back.url ?? back);
  const answer = Object.fromEntries(back.url ? new URLSearchParams(await back.text()) : url.searchParams);
  const registered = new URL(parameters.redirect_uri);
  assert.equal(url.origin + url.pathname, registered.origin + registered.pathname);
  for (const [name, value] of registered.searchParams) {
    assert.equal(answer[name], value);
    delete answer[name];
  }
  assert.equal(url.hash, '');
  assert.equal(answer.state, parameters.state);
  assert.equal(answer.iss, as.issuer);
  return answer;
}

/** The browser brings a code. */
export async function code(p, made, person, to) {
  const answer = await came(p, made, person, to ?? await address(p, made));
  assert.equal(answer.error, undefined, answer.error_description);
  for (const name of Object.keys(answer)) assert.ok(['code', 'state', 'iss'].includes(name), name);
  assert.ok(answer.code.length >= 22, 'RFC 6749 §10.10');
  return answer.code;
}

/** The browser brings one of the errors given. */
export async function error(p, made, errors, person, to) {
  const answer = wellFormed(await came(p, made, person, to ?? await address(p, made)), ['state', 'iss']);
  assert.ok(errors.includes(answer.error), `${answer.error} ${answer.error_description}`);
  return answer;
}

/** The browser stays at a page of ours. */
export const stays = ({ world }, to, pattern, person) => assert.rejects(world.visit(to, person), pattern);

/** Parameters of the token endpoint for a code; the answer is whatever it is. */
export const redeem = (p, { parameters, verifier }, of, { form = {}, ...options } = {}) => call(p, p.as.token_endpoint, {
  grant_type: 'authorization_code', code: of, redirect_uri: parameters.redirect_uri, code_verifier: verifier, ...form,
}, options);

export const refresh = (p, token, { form = {}, ...options } = {}) =>
  call(p, p.as.token_endpoint, { grant_type: 'refresh_token', refresh_token: token, ...form }, options);

const claimNames = ['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'nonce', 'acr', 'amr', 'azp', 'at_hash', 'nbf', 'jti', 'sid'];

/** An id_token that is what OpenID Connect Core §2 and §3.1.3.7 say, with no claim that nobody asked for. */
export async function idToken({ as, client }, token, nonce) {
  const { kid } = decodeProtectedHeader(token);
  assert.ok(kid, 'a kid');
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(as.jwks_uri)), {
    issuer: as.issuer, audience: client.id, algorithms: as.id_token_signing_alg_values_supported, requiredClaims: ['exp', 'iat', 'sub'], maxTokenAge: 60,
  });
  assert.equal(payload.nonce, nonce);
  assert.match(payload.sub, /^[\x20-\x7e]{1,255}$/);
  for (const name of Object.keys(payload)) assert.ok(claimNames.includes(name), `nobody asked for ${name}`);
  if (payload.acr) assert.ok(as.acr_values_supported.includes(payload.acr), payload.acr);
  if (payload.auth_time) assert.ok(Number.isInteger(payload.auth_time) && payload.auth_time <= now());
  return payload;
}

/** An answer is tokens. */
export async function granted(p, { status, body }, nonce) {
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.token_type.toLowerCase(), p.dpop ? 'dpop' : 'bearer');
  assert.ok(body.access_token.length >= 22 && Number.isInteger(body.expires_in) && body.expires_in > 0);
  assert.match(body.refresh_token ?? '', /^[\x20-\x7e]*$/);
  return { ...body, claims: await idToken(p, body.id_token, nonce) };
}

/** A whole login. */
export async function login(p, extra, person) {
  const made = attempt(p, extra);
  const of = await code(p, made, person);
  return { made, code: of, ...await granted(p, await redeem(p, made, of), made.parameters.nonce) };
}

/** A request to userinfo; the answer is whatever it is. */
export async function userinfo({ as, dpop }, token, { method = 'GET', scheme, proven, body, headers = {} } = {}) {
  const head = new Headers(headers);
  if (token) head.set('authorization', `${scheme ?? (dpop ? 'DPoP' : 'Bearer')} ${token}`);
  if (dpop && proven !== null) head.set('dpop', proven ?? proof(dpop, method, as.userinfo_endpoint, { token }));
  const response = await fetch(as.userinfo_endpoint, { method, headers: head, body });
  assert.match(response.headers.get('content-type'), /^application\/json/);
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** Userinfo tells who it is, and what else. */
export async function told(p, tokens, options) {
  const { status, body } = await userinfo(p, tokens.access_token, options);
  assert.equal(status, 200, JSON.stringify(body));
  const { sub, ...claims } = body;
  assert.equal(sub, tokens.claims.sub);
  return claims;
}

/** Userinfo refuses, as RFC 6750 §3 says. */
export async function keeps(p, token, options) {
  const { status, headers } = await userinfo(p, token, options);
  assert.equal(status, 401);
  assert.match(headers.get('www-authenticate'), p.dpop ? /DPoP error="invalid_(token|dpop_proof)"/ : /^Bearer/);
}
