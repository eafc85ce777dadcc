// A web site that logs its users in with Countersign, with a standard OpenID Connect library and nothing of ours:
//
//   npm ci && ISSUER=http://localhost:8080 CLIENT_ID=acme-site CLIENT_SECRET_FILE=secret npm start
//
// The client needs the redirect URI http://localhost:3000/callback. Without CLIENT_SECRET_FILE it is a public client.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import * as oidc from 'openid-client';

const { ISSUER = 'http://localhost:8080', CLIENT_ID = 'acme-site', CLIENT_SECRET_FILE, PORT = '3000' } = process.env;
const site = `http://localhost:${PORT}`;
const redirectURI = `${site}/callback`;

const secret = CLIENT_SECRET_FILE && readFileSync(CLIENT_SECRET_FILE, 'utf8').trimEnd();
const client = await oidc.discovery(new URL(ISSUER), CLIENT_ID, undefined, secret ? oidc.ClientSecretBasic(secret) : oidc.None(), {
  // For a server of development; any other is https.
  execute: ISSUER.startsWith('http:') ? [oidc.allowInsecureRequests] : [],
});

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
  remember(response, { sub: claims.sub, name: user.name ?? claims.sub, acr: claims.acr });
  go(response, '/');
}

function home(request, response) {
  const { record } = browserOf(request);
  if (record?.sub === undefined) return page(response, 200, '<p><a href="/login">Log in with Countersign</a></p>');
  page(response, 200, `<p>Hello ${escaped(record.name)}, approved by ${escaped(record.acr)}.</p>`);
}

const routes = { '/': home, '/login': login, '/callback': callback };

createServer((request, response) => {
  const route = request.method === 'GET' ? routes[new URL(request.url, site).pathname] : undefined;
  if (!route) return page(response, 404, '<p>Nothing is here.</p>');
  Promise.resolve().then(() => route(request, response)).catch((error) => {
    // access_denied is the user's own decision; everything else is for the log, and never for the user.
    console.error(error.code ?? error.name, error.error ?? '', error.message);
    page(response, error.error === 'access_denied' ? 403 : 500, '<p>You are not logged in. <a href="/login">Try again</a></p>');
  });
}).listen(Number(PORT), '127.0.0.1', () => console.log(`open ${site}`));
