/**
 * Where the phone keeps its keys: IndexedDB, which stores a CryptoKey without ever showing its private half.
 */
import type { Offline } from './offline.js';

/** A device that joined this identity and that this user has not yet said to know. */
export interface NewDevice {
  readonly deviceName: string;
  readonly createdAt: string;
}

/** What this phone is to one issuer. One key pair per issuer, so that no two issuers can compare notes. */
export interface Enrolment {
  readonly issuer: string;
  readonly tokenId: string;
  readonly deviceId: string;
  readonly name: string;
  readonly createdAt: string;
  readonly keys: CryptoKeyPair;
  /** The pair of a rotation whose answer is not known yet: one of the two is the device's. */
  readonly next?: CryptoKeyPair;
  /** When `next` was last sent, in milliseconds of this machine's clock. */
  readonly nextSent?: number;
  /** What this device works with when it has no network; absent until it was agreed on. */
  readonly offline?: Offline;
  /** The ids of the identity's devices when last looked at, to notice one that was added while this app was closed. */
  readonly known?: readonly string[];
  /** Added devices the user has not yet answered for. */
  readonly news?: readonly NewDevice[];
}

/** Keeps enrolments. Every function rejects when the browser keeps nothing, as in some private windows. */
export interface KeyStore {
  load(issuer: string): Promise<Enrolment | undefined>;
  save(enrolment: Enrolment): Promise<void>;
  forget(issuer: string): Promise<void>;
  /** Finds out whether a key would be kept, before an enrolment code is spent on it. */
  probe(keys: CryptoKeyPair): Promise<void>;
}

const databaseName = 'countersign-authenticator';
const table = 'enrolments';

/** The store of this browser. */
export function openKeyStore(factory: IDBFactory): KeyStore {
  const run = async <T>(mode: IDBTransactionMode, act: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
    const db = await open(factory);
    try {
      return await settled(db, mode, act);
    } finally {
      db.close();
    }
  };
  return {
    load: async (issuer) => (await run('readonly', (s) => s.get(issuer))) as Enrolment | undefined,
    save: async (enrolment) => void (await run('readwrite', (s) => s.put(enrolment))),
    forget: async (issuer) => void (await run('readwrite', (s) => s.delete(issuer))),
    probe: async (keys) => {
      await run('readwrite', (s) => s.put({ issuer: '', keys }));
      await run('readwrite', (s) => s.delete(''));
    },
  };
}

function open(factory: IDBFactory): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open(databaseName, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(table, { keyPath: 'issuer' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB cannot be opened'));
  });
}

/** Waits for the transaction and not only the request: only then is a key on the disk. */
function settled<T>(db: IDBDatabase, mode: IDBTransactionMode, act: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(table, mode, { durability: 'strict' });
    const request = act(transaction.objectStore(table));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error ?? new Error('IndexedDB gave up'));
  });
}
