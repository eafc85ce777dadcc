// The little of Node's API that the unit tests use. The project has no @types/node: its sources are for browsers, and
// a page that reached for Node's names by mistake should not type-check.

declare module 'node:test' {
  export interface Mocked {
    mock: { callCount(): number };
  }
  export interface MockTimers {
    enable(options?: { apis?: readonly string[]; now?: number }): void;
    tick(milliseconds: number): void;
    setTime(milliseconds: number): void;
    reset(): void;
  }
  export interface Mocker {
    timers: MockTimers;
    method(object: object, name: string, replacement?: unknown): Mocked;
    restoreAll(): void;
    reset(): void;
  }
  export interface TestContext {
    mock: Mocker;
    after(act: () => unknown): void;
    test(name: string, body: (t: TestContext) => unknown): Promise<void>;
  }
  export function test(name: string, body: (t: TestContext) => unknown): Promise<void>;
  export function describe(name: string, body: () => unknown): void;
  export function it(name: string, body: (t: TestContext) => unknown): Promise<void>;
  export function before(act: () => unknown): void;
  export function after(act: () => unknown): void;
  export function beforeEach(act: () => unknown): void;
  export function afterEach(act: () => unknown): void;
  export default test;
}

declare module 'node:assert/strict' {
  function assert(value: unknown, message?: string): asserts value;
  namespace assert {
    function ok(value: unknown, message?: string): asserts value;
    function equal<T>(actual: unknown, expected: T, message?: string): asserts actual is T;
    function notEqual(actual: unknown, expected: unknown, message?: string): void;
    function deepEqual<T>(actual: unknown, expected: T, message?: string): asserts actual is T;
    function match(actual: string, expected: RegExp, message?: string): void;
    function doesNotMatch(actual: string, expected: RegExp, message?: string): void;
    function throws(act: () => unknown, expected?: unknown, message?: string): void;
    function rejects(act: Promise<unknown> | (() => Promise<unknown>), expected?: unknown, message?: string): Promise<void>;
    function fail(message?: string): never;
  }
  export default assert;
}

declare module 'node:crypto' {
  interface Digest {
    update(data: string | Uint8Array): Digest;
    digest(encoding: 'base64url' | 'hex'): string;
  }
  export function createHmac(algorithm: string, key: Uint8Array): Digest;
  export function createHash(algorithm: string): Digest;
  export const webcrypto: Crypto;
}

declare module 'node:fs' {
  export function readFileSync(path: string | URL, encoding: 'utf8'): string;
  export function readdirSync(path: string | URL): string[];
}

declare module 'node:path' {
  export function join(...parts: string[]): string;
}

declare function setImmediate(act: () => void): void;
declare const process: { on(event: string, act: (value: unknown) => void): void; off(event: string, act: (value: unknown) => void): void; cwd(): string; env: Record<string, string | undefined> };
declare const Buffer: { from(text: string, encoding: 'base64url'): Uint8Array };
