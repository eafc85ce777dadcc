// A site that logs its users in with openid-client: what all stories with that library begin with.
import assert from 'node:assert/strict';
import * as oidc from 'openid-client';
import { signingKey } from './protocol.mjs';

/** A client as its library has it. Every id_token's signature is checked too, which is not the default. */
export const discover = (issuer, { id }, authentication) =>
  oidc.discovery(new URL(issuer), id, undefined, authentication, { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] });

const authenticationOf = async ({ secret, keys }) =>
  secret ? oidc.ClientSecretBasic(secret) : keys ? oidc.PrivateKeyJwt(await signingKey(keys[0])) : oidc.None();

export const open = async (issuer, client) => discover(issuer, client, await authenticationOf(client));

/** What a client keeps of a login that it begins, and the parameters that say so. */
export async function attempt(client, extra = {}) {
  const [verifier, state, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()];
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
  const parameters = {
    redirect_uri: client.redirect, scope: 'openid', state, nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...extra,
  };
  for (const [name, value] of Object.entries(extra)) if (value === undefined) delete parameters[name];
  return { checks, parameters };
}

/** The browser goes to the provider and comes back; the request that the client then gets, and what it checks it against. */
export async function sent(config, client, { visit }, extra, person) {
  const { checks, parameters } = await attempt(client, extra);
  return { checks, back: await visit(oidc.buildAuthorizationUrl(config, parameters), person) };
}

/** A whole login. */
export async function login(config, client, world, extra, person) {
  const { checks, back } = await sent(config, client, world, extra, person);
  return oidc.authorizationCodeGrant(config, back, checks);
}

/** A promise must be refused, in a way that members of the error tell. */
export const refused = (promise, members) => assert.rejects(promise, (error) => {
  for (const [name, value] of Object.entries(members)) assert.deepEqual(error[name], value, `${name} of ${error.stack}`);
  return true;
});

export const userinfoRefuses = (config, token, sub, scheme = 'bearer') => assert.rejects(oidc.fetchUserInfo(config, token, sub), ({ code, status, cause }) => {
  assert.equal(code, 'OAUTH_WWW_AUTHENTICATE_CHALLENGE');
  assert.equal(status, 401);
  assert.equal(cause.find((challenge) => challenge.scheme === scheme)?.parameters.error, 'invalid_token');
  return true;
});
