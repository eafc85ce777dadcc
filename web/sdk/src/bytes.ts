const text = new TextEncoder();

/** Base64url without padding, as the protocol writes binary. */
export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

/** `n` random bytes as base64url. */
export function random(n: number): string {
  return base64url(crypto.getRandomValues(new Uint8Array(n)));
}

/** The challenge of a verifier: base64url of the SHA-256 of its ASCII, PKCE's S256. */
export async function challengeOf(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', text.encode(verifier))));
}

/** Computes the first 16 base64url characters of the HMAC-SHA256 of a text. */
export type Mac = (message: string) => Promise<string>;

/** Gives the {@link Mac} of a base64url key, which is imported once. */
export function macOf(key: string): Mac {
  let imported: Promise<CryptoKey> | undefined;
  return async (message) => {
    imported ??= importKey(key);
    const sum = await crypto.subtle.sign('HMAC', await imported, text.encode(message));
    return base64url(new Uint8Array(sum)).slice(0, 16);
  };
}

// Async, so that a key that is no base64url rejects instead of throwing.
async function importKey(key: string): Promise<CryptoKey> {
  const raw = Uint8Array.from(atob(key.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  return crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
}
