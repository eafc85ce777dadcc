// An API that takes approvals of the direct API (tokens of typ countersign+jwt) itself, and what a back end does with the
// hash of a message that a page has brought:
//
//   npm ci && ISSUER=http://localhost:8080 SERVICE_ID=demo PORT=3001 node api.mjs
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

/** Lets requests through that bring a good token, as request.approval. Keys are kept; an unknown kid costs at most one fetch a minute. */
export function requireApproval(issuer, audience) {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), { cooldownDuration: 60_000 });
  const wanted = { issuer, audience, typ: 'countersign+jwt', algorithms: ['ES256'], clockTolerance: 60, requiredClaims: ['sub', 'iat', 'exp'] };
  return async (request, response, next) => {
    const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (!token) return response.writeHead(401, { 'WWW-Authenticate': 'Bearer' }).end();
    try {
      request.approval = (await jwtVerify(token, keys, wanted)).payload;
    } catch (error) {
      if (unreachable(error)) return response.writeHead(503, { 'Retry-After': '5' }).end();
      return response.writeHead(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' }).end();
    }
    next(request, response);
  };
}

/** The keys cannot be had: the token may be good, and whoever brought it should come again. */
const unreachable = (error) => !(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout || error.code === 'ERR_JOSE_GENERIC';

/**
 * Whether the server said so: hash is that of the approved message that a page passed on. responseKey is the service's own,
 * 32 bytes (countersign service show); random is the one kept from the start, never one that came with the message.
 */
export function verifyHash(responseKey, sessionId, random, jwt, expiresAt, hash) {
  if (!responseKey?.length) return false;
  const want = createHmac('sha256', responseKey).update(['countersign-hash-v1', sessionId, random, jwt, expiresAt].join('\n')).digest('base64url');
  const [a, b] = [Buffer.from(want), Buffer.from(String(hash))];
  return a.length === b.length && timingSafeEqual(a, b);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { ISSUER = 'http://localhost:8080', SERVICE_ID = 'demo', PORT = '3001' } = process.env;
  const guard = requireApproval(ISSUER, SERVICE_ID);
  const balance = (request, response) => response.end(`the balance of ${request.approval.sub}\n`);
  createServer((request, response) => guard(request, response, balance))
    .listen(Number(PORT), '127.0.0.1', () => console.log(`open http://localhost:${PORT}`));
}
