// The way a judge and the Go side talk (judge_test.go): one line of JSON each way, in turn.
import { EventEmitter, on } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function hear() {
  const { value, done } = await lines.next();
  if (done) throw new Error('nobody is there any more');
  return JSON.parse(value);
}

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function ask(what, members = {}) {
  say({ ask: what, ...members });
  return hear();
}

/** Everything that a person does, or that whoever runs the server does. */
const people = {
  /**
   * The user's browser opens an address, or posts a form there, and goes wherever that leads; on the login page the phone approves or denies, and
   * where the user is asked whether to log out, choice is the answer: yes or no.
   * Gives the request that the client then gets: a URL, or a Request if a form is posted to it.
   */
  async visit(address, { phone = 'approve', scopes = [], choice = '', form: posted = '' } = {}) {
    const { url, form, status, text: shown } = await ask('visit', { url: String(address), form: posted, phone, scopes, choice });
    if (status !== undefined) throw new Error(`the browser stays at ${url}: ${status} ${shown}`);
    return form === undefined ? new URL(url) : new Request(url, { method: 'POST', body: new URLSearchParams(form) });
  },
  /** The phone takes the one request that waits for it; whoever approves types the code. Gives what it showed. */
  decide: (code, { phone = 'approve', scopes = [] } = {}) => ask('decide', { phone, scopes, code: phone === 'approve' ? code : '' }),
  /** The phone reads the moving code off the page, and approves. */
  scan: (code, { scopes = [] } = {}) => ask('scan', { url: code, scopes }),
  /** The phone, without a network, reads what the page draws; gives the code that it shows. */
  offline: async (drawn) => (await ask('offline', { drawn })).code,
  /** The user takes a browser that knows nothing. */
  forget: () => ask('forget'),
  /** How often a path of the server was asked for so far. */
  count: async (path) => (await ask('count', { path })).count,
  /** The user begins a login in their browser; gives the webSocketId that its page is told. */
  begin: async () => (await ask('begin')).webSocketId,
  /** In that page the user says who they are. */
  identify: () => ask('identify'),
  /** The page starts a session, and the phone approves, denies or reports. */
  settle: (phone) => ask('settle', { phone }),
  /** The user gives the login up. */
  cancel: () => ask('cancel'),
  /** The operator makes a new signing key; gives its kid. It signs some seconds later. */
  rotate: async () => (await ask('rotate')).kid,
};

/** Tells the story that is asked for, or lists them. A story that does not hold throws. */
export async function judge(stories) {
  const { story, ...known } = await hear();
  if (story === undefined) {
    say({ stories: Object.keys(stories) });
  } else {
    await stories[story]({ ...known, ...people });
    say({ done: true });
  }
  lines.return();
}

/**
 * The clients' back end, at all the addresses where they are told things: it answers with the statuses given, or status,
 * headers and body, and then with 204.
 */
export function listen(...statuses) {
  const told = new EventEmitter();
  const all = on(told, 'told');
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request;
    const body = await text(request);
    const [status, head = {}, answer = ''] = [statuses.shift() ?? 204].flat();
    response.writeHead(status, head).end(answer);
    told.emit('told', { method, url: `http://${headers.host}${url}`, headers, body });
  }).listen({ fd: 3 });
  return {
    /** What it is told next. */
    next: async () => (await all.next()).value[0],
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A client's key as the Web Cryptography API has it, and its kid. */
export async function signingKey({ kid, alg, private: pkcs8 }) {
  const algorithm = {
    ES256: { name: 'ECDSA', namedCurve: 'P-256' },
    RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
  }[alg];
  return { key: await crypto.subtle.importKey('pkcs8', Buffer.from(pkcs8, 'base64'), algorithm, false, ['sign']), kid };
}
