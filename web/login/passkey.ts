// The method `passkey`: an authenticator of the browser signs a challenge. Which of its passkeys, its user chooses.
import { bytesOf, takenBy, textOf } from './ceremony.js';

export const passkey = takenBy({
  method: 'passkey', help: 'passkeyHelp', use: 'passkeyUse', none: 'passkeyNone', known: 'passkeyNone',
  sign: async (options, signal) => {
    const publicKey = { ...options, challenge: bytesOf(options['challenge']), allowCredentials: [] } as PublicKeyCredentialRequestOptions;
    const made = await navigator.credentials.get({ publicKey, signal }) as PublicKeyCredential;
    const { clientDataJSON, authenticatorData, signature, userHandle } = made.response as AuthenticatorAssertionResponse;
    return { id: made.id, rawId: textOf(made.rawId), type: made.type, clientExtensionResults: {},
      response: { clientDataJSON: textOf(clientDataJSON), authenticatorData: textOf(authenticatorData), signature: textOf(signature),
        userHandle: userHandle === null ? undefined : textOf(userHandle) } };
  },
});
