// The method `passkey_add`: an authenticator of the browser makes a passkey.
import { bytesOf, named, takenBy, textOf } from './ceremony.js';
import type { Members } from './authn.js';

export const passkeyAdd = takenBy({
  method: 'passkey_add', help: 'passkeyAddHelp', use: 'passkeyAddUse', none: 'passkeyAddNone', known: 'passkeyAddKnown',
  sign: async (options, signal) => {
    const user = options['user'] as Members;
    const publicKey = { ...options, challenge: bytesOf(options['challenge']), user: { ...user, id: bytesOf(user['id']) },
      excludeCredentials: named(options['excludeCredentials']) } as unknown as PublicKeyCredentialCreationOptions;
    const made = await navigator.credentials.create({ publicKey, signal }) as PublicKeyCredential;
    const { clientDataJSON, attestationObject } = made.response as AuthenticatorAttestationResponse;
    return { id: made.id, rawId: textOf(made.rawId), type: made.type, clientExtensionResults: {},
      response: { clientDataJSON: textOf(clientDataJSON), attestationObject: textOf(attestationObject) } };
  },
});
