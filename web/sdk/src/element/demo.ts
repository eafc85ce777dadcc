// Logins without a server, so that every state can be looked at, styled and tested.
import type { Returned, Connection, Login, LoginErrorLike, LoginResult, LoginState, OpenSession, StateChange } from '../types.js';

type Making = () => LoginState;

const result: LoginResult = { sessionId: 'demo', jwt: '', hash: '', random: '', expiresAt: '' };

function open(more: Partial<OpenSession> = {}, seconds = 115): OpenSession {
  return { sessionId: 'demo', mode: 'enter', code: '482913', endsAt: Date.now() + seconds * 1000, connection: 'websocket', ...more };
}

function failed(error: LoginErrorLike): Making {
  return () => ({ name: 'failed', error });
}

const gone: Connection = 'none';
const phone = { platform: 'android', deviceName: 'Pixel 9' };

const states = {
  'starting': () => ({ name: 'starting' }),
  'pending': () => ({ name: 'pending', ...open() }),
  'same-device': () => ({ name: 'pending', ...open() }),
  'scan': () => ({ name: 'pending', ...open({ mode: 'scan' }) }),
  'compare': () => ({ name: 'pending', ...open({ mode: 'compare' }) }),
  'masked': () => ({ name: 'pending', ...open({ mode: 'compare', code: '4829**' }) }),
  'ending': () => ({ name: 'pending', ...open({}, 10) }),
  'claimed': () => ({ name: 'claimed', ...phone, ...open() }),
  'wrong-code': () => ({ name: 'claimed', ...phone, ...open({ failed: { reason: 'Invalid OTP', attemptsRemaining: 2 } }) }),
  'bad-signature': () => ({ name: 'claimed', ...phone, ...open({ failed: { reason: 'Invalid signature', attemptsRemaining: 3 } }) }),
  'elsewhere': () => ({ name: 'elsewhere', ...open() }),
  'offline': () => ({ name: 'pending', ...open({ connection: gone }) }),
  'approved': () => ({ name: 'approved', result }),
  'declined': () => ({ name: 'rejected', reason: 'Declined' }),
  'reported': () => ({ name: 'rejected', reason: 'Reported' }),
  'too-many': () => ({ name: 'rejected', reason: 'Too many attempts' }),
  'expired': () => ({ name: 'expired' }),
  'cancelled': () => ({ name: 'cancelled', by: 'page' }),
  'cancelled-service': () => ({ name: 'cancelled', by: 'service' }),
  'cancelled-admin': () => ({ name: 'cancelled', by: 'admin' }),
  'replaced': () => ({ name: 'cancelled', by: 'replaced' }),
  'refused': failed({ code: 'refused', message: 'demo', problem: 'scope_not_allowed' }),
  'limited': failed({ code: 'limited', message: 'demo', retryAfter: 40 }),
  'network': failed({ code: 'network', message: 'demo' }),
  'lost': failed({ code: 'lost', message: 'demo' }),
  'unsupported': failed({ code: 'unsupported', message: 'demo' }),
} satisfies Record<string, Making>;

const returns: Readonly<Record<string, Exclude<Returned, 'none'>>> = {
  'returned-finished': 'finished', 'returned-waiting': 'waiting', 'returned-stranger': 'stranger',
};

/** The names the element's `demo` attribute knows. */
export const demoStates: readonly string[] = [...Object.keys(states), ...Object.keys(returns)];

/** What a demo of a coming back shows; undefined for the other states. */
export function demoReturn(name: string): Exclude<Returned, 'none'> | undefined {
  return Object.hasOwn(returns, name) ? returns[name] : undefined;
}

/** A login that stands in the named state and does on request what a real one would, without a server. */
export function demoLogin(name: string): Login {
  const make: Making = Object.hasOwn(states, name) ? states[name as keyof typeof states] : states.pending;
  let state = make();
  const began = performance.now();
  const events = new EventTarget();
  const go = (next: LoginState): void => {
    const previous = state;
    state = next;
    const detail: StateChange = { state, previous };
    events.dispatchEvent(new CustomEvent('state', { detail }));
  };
  const isOpen = (): boolean => 'sessionId' in state || state.name === 'starting';
  return {
    get state() { return state; },
    // Nothing ever comes of a demo, so that no page can take one for a login.
    result: new Promise<LoginResult>(() => undefined),
    qrText: () => Promise.resolve(`https://login.example.com/s/demo?t=${Math.floor((performance.now() - began) / 1000)}&c=${pseudo(performance.now() - began)}`),
    handoverLink: () => Promise.resolve('#demo'),
    handedOver: () => undefined,
    cancel: () => { if (isOpen()) go({ name: 'cancelled', by: 'page' }); },
    restart: () => {
      go({ name: 'starting' });
      setTimeout(() => { if (state.name === 'starting') go(states.pending()); }, 300);
    },
    takeBack: () => go(states.pending()),
    addEventListener: events.addEventListener.bind(events),
    removeEventListener: events.removeEventListener.bind(events),
    dispatchEvent: events.dispatchEvent.bind(events),
  };
}

/** Sixteen characters that change each second, where a real QR code has its HMAC. */
function pseudo(milliseconds: number): string {
  let mix = Math.floor(milliseconds / 1000) + 1;
  return Array.from({ length: 16 }, () => {
    mix = (mix * 1103515245 + 12345) % 2147483648;
    return 'abcdefghijklmnopqrstuvwxyzABCDEF'.charAt(mix >> 26 & 31);
  }).join('');
}
