// A page that speaks the Web Authenticator API, written from the words of the contract (§8 of the protocol) and from nothing
// else. It believes no answer: whatever the contract does not name, or names otherwise, throws.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import WebSocket from 'ws';

const isText = (x) => assert.ok(typeof x === 'string' && x !== '', `a text, not ${JSON.stringify(x)}`);
const isString = (x) => assert.equal(typeof x, 'string');
const isCount = (x) => assert.ok(Number.isInteger(x) && x >= 0, `a count, not ${JSON.stringify(x)}`);
const isTrueOrFalse = (x) => assert.equal(typeof x, 'boolean');
const isTime = (x) => assert.match(x, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
const like = (pattern) => (x) => assert.match(x, pattern);
const oneOf = (...all) => (x) => assert.ok(all.includes(x), `${JSON.stringify(x)} is none of ${all}`);
const listOf = (check) => (x) => { assert.ok(Array.isArray(x), 'a list'); x.forEach(check); };

/** An object with these members and no other; a name that ends in ? may be missing. */
const members = (shape) => (x) => {
  assert.ok(x !== null && typeof x === 'object' && !Array.isArray(x), `an object, not ${JSON.stringify(x)}`);
  const known = Object.entries(shape).map(([name, check]) => [name.replace('?', ''), name.endsWith('?'), check]);
  const strange = Object.keys(x).filter((name) => !known.some(([there]) => there === name));
  assert.deepEqual(strange, [], `members that the contract does not name, of ${JSON.stringify(x)}`);
  for (const [name, optional, check] of known) {
    if (!(name in x)) assert.ok(optional, `${name} is missing of ${JSON.stringify(x)}`);
    else try { check(x[name]); } catch (error) { error.message = `${name}: ${error.message}`; throw error; }
  }
};

const isMethod = oneOf('identify', 'device', 'review', 'message', 'offline', 'consent', 'passkey');
const isAttribute = (x) => oneOf('AMOUNT', 'AMOUNT_CONVERSION', 'KEY_VALUE', 'NOTE', 'HEADING', 'ALERT', 'PARTY_INFO', 'IMAGE', 'CHOICE')(x.type);
const isForm = members({ 'title?': isText, 'greeting?': isText, 'summary?': isText, 'attributes?': listOf(isAttribute) });
const isInit = members({
  operationId: like(/^op_[\w-]{22}$/), name: isText, step: isText, 'review?': oneOf(true), 'form?': isForm, expiresAt: isTime, 'remainingAttempts?': isCount,
  methods: listOf(members({ id: isMethod, label: isText })), 'scopes?': listOf(members({ id: isText, label: isText, required: isTrueOrFalse })), service: members({ id: isText, name: isText, 'logo?': isText }), webSocketId: like(/^[\w-]{43}$/),
});
const isStarted = {
  device: members({
    sessionId: like(/^sess_[\w-]{22}$/), autoPassword: like(/^\d{6}$/), wsToken: like(/^[\w-]{43}$/), expiresAt: isTime,
    wsUrl: isText, qrKey: like(/^[\w-]{43}$/), qrUrl: isText, mode: oneOf('enter', 'scan', 'compare'),
  }),
  message: members({ sentTo: isString, resendAfter: isCount, length: isCount }),
  offline: members({ qr: isText, format: isText }),
  consent: members({ text: isText, version: isText, 'language?': isText, options: listOf(members({ id: isText, text: isText, required: isTrueOrFalse, value: isTrueOrFalse })) }),
};
const isStepResult = oneOf('CONFIRMED', 'CANCELED', 'AUTH_FAILED', 'AUTH_METHOD_FAILED');
const isStatus = members({ result: oneOf('CONTINUE'), step: isText, 'stepResult?': isStepResult });
const isMessage = members({ text: isText });
const isFailure = members({ message: isMessage, 'remainingAttempts?': isCount, 'location?': isText });
// The contract adds the location to what status tells.
const isEnd = (result) => members({ location: isText, 'result?': oneOf(result), 'step?': isText, 'stepResult?': isStepResult });
const isNothing = members({});

/** The types of answer that a request may have while nothing is wrong with it; an operation may have ended at any of them. */
const answers = {
  init: ['init'], choose: ['init', 'failure'], status: ['status'], cancel: [], verify: ['failure', 'init'],
  start: ['start', 'init', 'failure'],
};

/** Whether an answer is one that the contract has for this request. */
export function check(type, data, answer) {
  members({ success: isTrueOrFalse, type: isText, reply_to: oneOf(type), 'reason?': isText, data: () => {} })(answer);
  if (!answer.success) {
    assert.ok('reason' in answer, `no reason: ${JSON.stringify(answer)}`);
    isNothing(answer.data);
    return answer;
  }
  assert.ok(!('reason' in answer), `a reason for success: ${JSON.stringify(answer)}`);
  oneOf('complete', 'cancel', ...answers[type] ?? [])(answer.type);
  if (type === 'start' && answer.type !== 'failure') {
    assert.equal(answer.type === 'start', data.method !== 'identify' && !isEnding(answer), `start ${data.method}: ${answer.type}`);
  }
  const shape = { init: isInit, status: isStatus, failure: isFailure, complete: isEnd('DONE'), cancel: isEnd('FAILED'), start: isStarted[data?.method] }[answer.type];
  shape(answer.data);
  return answer;
}

const isEnding = ({ type }) => type === 'complete' || type === 'cancel';

/** A browser: its cookies, and whose pages it shows. It goes nowhere by itself. */
export class Browser {
  cookies = new Map();

  constructor({ issuer, at }) { Object.assign(this, { issuer, at }); }

  /** Makes one request: not by fetch, which says of itself that it is a script. */
  async request(method, address, { headers = {}, body = '' } = {}) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const url = new URL(address, this.issuer);
    const all = { host: url.host, ...cookie && { cookie }, ...body.length > 0 && { 'content-length': Buffer.byteLength(body) }, ...headers };
    const response = await new Promise((resolve, reject) => {
      http.request(new URL(url.pathname + url.search, this.at), { method, headers: all }, resolve).on('error', reject).end(body);
    });
    const set = response.headers['set-cookie'] ?? [];
    for (const line of set) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/;\s*max-age=(0|-\d+)\s*(;|$)/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return { status: response.statusCode, headers: response.headers, set, text: await text(response) };
  }

  /** Puts something to an operation; the answer as it comes. */
  put(operationId, body, headers = {}) {
    return this.request('PUT', `/authn/${operationId}`, {
      body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json', origin: new URL(this.issuer).origin, ...headers },
    });
  }

  /** Loads the page of an operation. */
  async open(operationId) {
    const { status } = await this.request('GET', `/login?operation=${operationId}`);
    assert.equal(status, 200);
    return new Page(this, operationId);
  }
}

/** One page of one operation. */
export class Page {
  constructor(browser, operationId) { Object.assign(this, { browser, operationId }); }

  /** Sends a request and gives its answer, which the contract allows. */
  async send(type, data = {}) {
    const { status, headers, text: body } = await this.browser.put(this.operationId, { type, data });
    assert.equal(status, 200, body);
    assert.match(headers['content-type'], /^application\/json(;|$)/);
    noCORS(headers);
    const answer = check(type, data, JSON.parse(body));
    if (answer.data.autoPassword !== undefined) {
      assert.match(headers['cache-control'] ?? '', /no-store/);
      assert.equal(answer.data.qrUrl, `${this.browser.issuer}/s/${answer.data.sessionId}`);
      const { protocol, host } = new URL(this.browser.issuer);
      assert.equal(answer.data.wsUrl, `${protocol.replace('http', 'ws')}//${host}/ws/session/${answer.data.sessionId}?token=${answer.data.wsToken}`);
    }
    if (answer.data.operationId !== undefined) assert.equal(answer.data.operationId, this.operationId);
    return answer;
  }

  /** Sends what must be taken, and answered by this type; gives the data. */
  async get(type, data, expected) {
    const answer = await this.send(type, data);
    assert.ok(answer.success && answer.type === expected, `${type} ${JSON.stringify(data)}: ${JSON.stringify(answer)}`);
    return answer.data;
  }

  init = () => this.get('init', {}, 'init');
  start = (method, more = {}) => this.get('start', { method, ...more }, method === 'identify' ? 'init' : 'start');

  /** Starts a session on a device, and watches it. */
  async device(more = {}) {
    const verifier = randomBytes(32).toString('base64url');
    const session = await this.start('device', { challenge: createHash('sha256').update(verifier).digest('base64url'), ...more });
    return { session, ended: watch(session, verifier, this.browser) };
  }
}

/** Nobody else's page may read an answer. */
export function noCORS(headers) {
  const cors = Object.keys(headers).filter((name) => name.startsWith('access-control-'));
  assert.deepEqual(cors, [], 'there is no CORS');
}

/** Listens to a session until it ends; gives the last message. */
function watch({ wsUrl }, verifier, { issuer, at }) {
  const { host, pathname, search } = new URL(wsUrl);
  return new Promise((resolve, reject) => {
    let last;
    const socket = new WebSocket(new URL(pathname + search, at.replace('http', 'ws')), ['countersign.v1', `verifier.${verifier}`], { origin: new URL(issuer).origin, headers: { host } });
    socket.on('message', (text) => { last = JSON.parse(text); });
    socket.on('error', reject);
    socket.on('close', (code, reason) => (code === 1000 ? resolve(last) : reject(new Error(`closed: ${code} ${reason}`))));
  });
}
