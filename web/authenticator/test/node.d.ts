// What these tests use of Node beyond what the SDK's tests declare (sdk/test/node.d.ts).

declare module 'node:crypto' {
  interface KeyObject {
    readonly type: string;
  }
  export function createPublicKey(key: string): KeyObject;
  export function createPublicKey(key: { key: unknown; format: 'jwk' }): KeyObject;
  export function verify(algorithm: string, data: Uint8Array, key: { key: KeyObject; dsaEncoding: 'ieee-p1363' }, signature: Uint8Array): boolean;
}
