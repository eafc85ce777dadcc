/** Base64url without padding, as the protocol writes binary. */
export declare function base64url(bytes: Uint8Array): string;
/** `n` random bytes as base64url. */
export declare function random(n: number): string;
/** The challenge of a verifier: base64url of the SHA-256 of its ASCII, PKCE's S256. */
export declare function challengeOf(verifier: string): Promise<string>;
/** Computes the first 16 base64url characters of the HMAC-SHA256 of a text. */
export type Mac = (message: string) => Promise<string>;
/** Gives the {@link Mac} of a base64url key, which is imported once. */
export declare function macOf(key: string): Mac;
