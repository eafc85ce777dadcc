// A web site that logs its users in with Countersign, with a standard OpenID Connect library and nothing of ours:
//
//   npm ci && ISSUER=http://localhost:8080 CLIENT_ID=acme-site CLIENT_SECRET_FILE=secret npm start
//
// Beside countersign dev start that with --bank-listen '': its demo bank has this port too.
//
// The client needs scopes: {allowed: ["identity:name"]}, redirectURIs: ["http://localhost:3000/callback"],
// postLogoutRedirectURIs: ["http://localhost:3000/"] and backchannelLogoutURI: "http://localhost:3000/logged-out", for which the server's outgoing.allow must have 127.0.0.0/8.
// Without CLIENT_SECRET_FILE it is a public client.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oidc from 'openid-client';

const { ISSUER = 'http://localhost:8080', CLIENT_ID = 'acme-site', CLIENT_SECRET_FILE, PORT = '3000' } = process.env;
const site = `http://localhost:${PORT}`;
const redirectURI = `${site}/callback`;

const secret = CLIENT_SECRET_FILE && readFileSync(CLIENT_SECRET_FILE, 'utf8').trimEnd();
const client = await oidc.discovery(new URL(ISSUER), CLIENT_ID, undefined, secret ? oidc.ClientSecretBasic(secret) : oidc.None(), {
  // For a server of development; any other is https.
  execute: ISSUER.startsWith('http:') ? [oidc.allowInsecureRequests] : [],
});
const { issuer, jwks_uri: jwksURI } = client.serverMetadata();
const keys = createRemoteJWKSet(new URL(jwksURI));

// What the site knows of its browsers, by a cookie: in earnest, in a database with a time to live.
const browsers = new Map();

/** The record of a browser. A login makes a new one, so that a cookie known before it is worth nothing after it. */
function browserOf(request) {
  const id = /(?:^|; )site=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
  return { id, record: browsers.get(id) };
}

function remember(response, record) {
  const id = randomBytes(32).toString('base64url');
  browsers.set(id, record);
  // In earnest: __Host-site=…; Secure. Lax, because the browser comes back to /callback from another site.
  response.setHeader('Set-Cookie', `site=${id}; HttpOnly; SameSite=Lax; Path=/`);
}

function go(response, location) {
  response.writeHead(303, { Location: location }).end();
}

const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function page(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': "default-src 'none'", 'Cache-Control': 'no-store' });
  response.end(`<!doctype html><html lang="en"><title>Acme</title><h1>Acme</h1>${body}</html>`);
}

/** Sends the browser to Countersign, and keeps what its answer will be held against. */
async function login(request, response) {
  const verifier = oidc.randomPKCECodeVerifier();
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
  remember(response, { verifier, state, nonce });
  const address = oidc.buildAuthorizationUrl(client, {
    redirect_uri: redirectURI, scope: 'openid profile', state, nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  go(response, address.href);
}

/** Takes the answer: the library checks state, iss, the id_token and its nonce, and redeems the code with the verifier. */
async function callback(request, response) {
  const { id, record } = browserOf(request);
  browsers.delete(id);
  if (record?.verifier === undefined) return page(response, 400, '<p>This browser began no login. <a href="/login">Log in</a></p>');
  const tokens = await oidc.authorizationCodeGrant(client, new URL(request.url, site), {
    pkceCodeVerifier: record.verifier, expectedState: record.state, expectedNonce: record.nonce, idTokenExpected: true,
  });
  const claims = tokens.claims();
  const user = await oidc.fetchUserInfo(client, tokens.access_token, claims.sub);
  // From here on it is the site's own login, by its own cookie: sub is who it is, and never changes.
  remember(response, { sub: claims.sub, name: user.name ?? claims.sub, acr: claims.acr, sid: claims.sid, idToken: tokens.id_token });
  go(response, '/');
}

/** Ends the site's own login, and sends the browser on to end the one at Countersign; from there it comes back to the site. */
function logout(request, response) {
  const { id, record } = browserOf(request);
  browsers.delete(id);
  if (record?.sub === undefined) return go(response, '/');
  go(response, oidc.buildEndSessionUrl(client, { id_token_hint: record.idToken, post_logout_redirect_uri: `${site}/` }).href);
}

/** Takes what Countersign tells, from server to server, when the user has logged out elsewhere: the logins of that sid end. */
async function loggedOut(request, response) {
  let body = '';
  for await (const chunk of request) if ((body += chunk).length > 10_000) return response.writeHead(413).end();
  const { payload } = await jwtVerify(new URLSearchParams(body).get('logout_token') ?? '', keys, {
    issuer, audience: CLIENT_ID, typ: 'logout+jwt', algorithms: ['ES256'], requiredClaims: ['exp', 'jti', 'sid', 'events'],
  });
  if (!payload.events['http://schemas.openid.net/event/backchannel-logout'] || 'nonce' in payload) return response.writeHead(400).end();
  for (const [id, { sid }] of browsers) if (sid === payload.sid) browsers.delete(id);
  response.writeHead(204).end();
}

function home(request, response) {
  const { record } = browserOf(request);
  if (record?.sub === undefined) return page(response, 200, '<p><a href="/login">Log in with Countersign</a></p>');
  page(response, 200, `<p>Hello ${escaped(record.name)}, approved by ${escaped(record.acr)}.</p>
    <form method="post" action="/logout"><button>Log out</button></form>`); // a form: no other site's link or picture logs out
}

const routes = { 'GET /': home, 'GET /login': login, 'GET /callback': callback, 'POST /logout': logout, 'POST /logged-out': loggedOut };

createServer((request, response) => {
  const route = routes[`${request.method} ${request.url.split('?')[0]}`];
  if (!route) return page(response, 404, '<p>Nothing is here.</p>');
  Promise.resolve().then(() => route(request, response)).catch((error) => {
    // access_denied is the user's own decision; everything else is for the log, and never for the user.
    console.error(error.code ?? error.name, error.error ?? '', error.message);
    const badToken = /^ERR_JW[ST]_/.test(error.code); // for good: after a 400 Countersign does not tell it again
    page(response, error.error === 'access_denied' ? 403 : badToken ? 400 : 500, '<p>You are not logged in. <a href="/login">Try again</a></p>');
  });
}).listen(Number(PORT), '127.0.0.1', () => console.log(`open ${site}`));
