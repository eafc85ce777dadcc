// A server that answers PUT /authn/{operationId}, a page that only notes what it is told to show, and a browser's
// storage. Time stands still but for `tick`.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { json, replace, settle } from '../../sdk/test/rig.js';
import type { LoginErrorLike, LoginState } from '../../sdk/src/types.js';
import { authnClient } from '../authn.js';
import type { Authn } from '../authn.js';
import { makeFlow } from '../flow.js';
import type { DeviceLogin, Flow, ReviewQuestion, Screen, StartDevice } from '../flow.js';
import { rememberedID } from '../remembered.js';

export const issuer = 'https://login.example.com';
export const operation = 'op_AAECAwQFBgcICQoLDA0ODw';
export const onward = `${issuer}/oidc/authorize/req_1`;
export const alice = 'tok_AAECAwQFBgcICQoLDA0ODw';

/** A request as it came in. */
export interface Came {
  readonly type: string;
  readonly data: Record<string, unknown>;
}

type Reply = (came: Came) => Response | Promise<Response>;

/** An answer of the interface. */
export const reply = (type: string, data: object): Response => json({ success: true, type, reply_to: '', data });

const offered: Readonly<Record<string, string[]>> = { identify: ['identify', 'device'], device: ['device', 'identify'] };

/** A wrong input, in words. */
export const failure = (words: string): Response => reply('failure', { message: { text: words }, remainingAttempts: 5 });

/** The step is not one for this. */
export const wrongStep = (): Response => json({ success: false, type: 'failure', reply_to: '', reason: 'wrong_step', data: {} });

/** What init answers at a step. */
export const at = (step: string, methods: string[] = offered[step] ?? [], more: object = {}): Response => reply('init', {
  operationId: operation, name: 'login', step, form: {}, expiresAt: '2026-01-01T00:10:00Z', remainingAttempts: 5,
  methods: methods.map((id) => ({ id, label: `By ${id}` })), service: { id: 'acme-bank', name: 'Acme Bank' }, webSocketId: 'w', ...more,
});

/** What init answers at a step that shows what it is about. */
export const reviewing = (methods: string[], form: object = payment): Response => at('look', methods, { name: 'authorize_payment', review: true, form });

/** What a payment's form says. */
export const payment = { title: 'Approve a payment', attributes: [{ type: 'AMOUNT', id: 'amount', label: 'Amount', amount: '100', currency: 'EUR' }] };

/** Where an operation stands that goes on. */
export const standing = (step: string): Response => reply('status', { result: 'CONTINUE', step });

const isEmpty = (form: unknown): boolean => form === undefined || JSON.stringify(form) === '{}';

/** No such operation for this browser. */
export const unknown = (): Response => json({ success: false, type: 'failure', reply_to: '', reason: 'operation_not_found', data: {} });

/** No answer at all. */
export const gone = (): Promise<Response> => Promise.reject(new TypeError('fetch failed'));

/** The operation has ended. */
export const over = (type: 'complete' | 'cancel', location = onward): Response => reply(type, { location });

/** What the page was told, one after the other: the name of the view and what it shows. */
export type Shown = readonly [view: string, ...details: unknown[]];

/** A page and its server. */
export interface Rig {
  readonly came: Came[];
  readonly shown: Shown[];
  readonly flow: Flow;
  readonly authn: Authn;
  readonly stored: Map<string, string>;
  last(): Shown;
  /** What the device step was given to start with. */
  start: StartDevice;
  /** The button of the last view of trouble, or of an end that leads to the next step. */
  again(): void;
  /** Answers a question, from now on. */
  on(type: string, answer: Reply): void;
  tick(milliseconds: number): Promise<void>;
}

function storageOf(stored: Map<string, string>): Partial<Storage> {
  return {
    getItem: (key) => stored.get(key) ?? null,
    setItem: (key, value) => void stored.set(key, value),
    removeItem: (key) => void stored.delete(key),
  };
}

/** Makes a page and its server. */
export function rig(t: TestContext): Rig {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2026-01-01T00:00:00Z') });
  t.mock.method(Math, 'random', () => 1);
  const [came, shown, stored, answers] = [[] as Came[], [] as Shown[], new Map<string, string>(), new Map<string, Reply>()];
  replace(t, 'localStorage', storageOf(stored));
  const fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    assert.deepEqual([String(input), init.method, init.credentials], [`${issuer}/authn/${operation}`, 'PUT', 'same-origin']);
    const headers = new Headers(init.headers);
    assert.deepEqual([headers.get('Content-Type'), headers.get('Accept-Language')], ['application/json', 'de']);
    const one = JSON.parse(String(init.body)) as Came;
    assert.deepEqual(Object.keys(one), ['type', 'data']);
    came.push(one);
    return (answers.get(one.type) ?? unknown)(one);
  };
  const authn = authnClient({ issuer, operation, language: 'de', fetch: fetch as typeof globalThis.fetch });
  let [start, again]: [StartDevice | undefined, () => void] = [undefined, () => assert.fail('no trouble')];
  const screen: Screen = {
    busy: () => void shown.push(['busy']),
    identify: ({ user, scan, failed }) => void shown.push(['identify', user, failed?.why, ...(scan ? [] : ['no scan'])]),
    review: ({ form, choices, notYou, failed }: ReviewQuestion) =>
      void shown.push(['review', form, choices.map((c) => `${c.id}: ${c.label}`), ...(notYou ? ['notYou'] : []), ...(failed === undefined ? [] : [failed])]),
    device: (login: DeviceLogin) => { start = login.start; shown.push(['device', login.back, ...(isEmpty(login.form) ? [] : [login.form])]); },
    show: () => void shown.push(['show']),
    notYours: () => void shown.push(['notYours']),
    ended: (state: LoginState, onward) => {
      if (typeof onward !== 'string') again = onward;
      shown.push(['ended', state.name === 'failed' ? state.error.code : state.name, typeof onward === 'string' ? onward : 'the next step']);
    },
    trouble: (error: LoginErrorLike, once) => { again = once; shown.push(['trouble', error.code]); },
    leave: (location) => void shown.push(['leave', location]),
  };
  return {
    came, shown, stored, authn,
    flow: makeFlow({ authn, screen, issuer, remembered: rememberedID }),
    last: () => shown.at(-1) ?? assert.fail('nothing is shown'),
    start: (challenge, signal) => (start ?? assert.fail('no device step'))(challenge, signal),
    again: () => again(),
    on: (type, answer) => void answers.set(type, answer),
    tick: async (milliseconds) => {
      t.mock.timers.tick(milliseconds);
      await settle();
    },
  };
}
