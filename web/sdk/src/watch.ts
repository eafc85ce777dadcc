import { type Mac, macOf } from './bytes.js';
import { LoginError } from './errors.js';
import { follow, type Following } from './follow.js';
import { awaitReturn, forget, type Kept, mark } from './handover.js';
import { backoff, type Link, pause, rights, sessionURL, timed } from './http.js';
import { isMessage, type Message } from './message.js';
import { monotonic, onWake } from './page.js';
import type { Settings } from './settings.js';
import type { Connection, LoginState, OpenSession, Started } from './types.js';

/** How long after its time a session without news is taken for expired, if the server cannot be asked. */
const grace = 3000;

/** How long a server that says the session is open, when our clock says it is not, is believed. */
const recheck = 5000;

/** How far our clock may be from the server's before the end is moved: the server's Date has whole seconds. */
const drift = 2000;

/** A session and what this page alone knows of it. */
export interface Session {
  readonly started: Started;
  readonly verifier: string;
  /** When it ends, of this machine's clock. */
  readonly endsAt: number;
  /** When it began, of the monotonic clock. */
  readonly began: number;
  /** Whether `endsAt` was computed with the server's clock in hand. */
  readonly sure: boolean;
  /** Whether it was handed over to an app on this device before. */
  readonly resumed: boolean;
}

/** A session being watched, from `begin` on. */
export interface Watch {
  begin(): void;
  qrText(): Promise<string>;
  handoverLink(): Promise<string>;
  handedOver(): void;
  takeBack(): void;
  /** Stops watching. Unless the session has ended the server is told that it was given up. */
  giveUp(): void;
}

/** Watches a session to its end and tells every state it gets into. */
export function watch(settings: Settings, session: Session, tell: (state: LoginState) => void): Watch {
  return new WatchedSession(settings, session, tell);
}

// A class only because everything here reads and writes the same dozen values.
class WatchedSession implements Watch {
  readonly #settings: Settings;
  readonly #started: Started;
  readonly #link: Link;
  readonly #mac: Mac;
  readonly #tell: (state: LoginState) => void;
  readonly #resumed: boolean;
  readonly #sure: boolean;
  readonly #seen = new Set<number>();
  #last = 0;
  #endsAt: number;
  #began: number;
  #code: string;
  #failed: OpenSession['failed'];
  #claimed: { readonly platform: string; readonly deviceName?: string } | undefined;
  #connection: Connection = 'none';
  #elsewhere = false;
  #over = false;
  #following: Following | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #stopWaking = (): void => {};
  #stopReturning: ((approved: boolean) => void) | undefined;

  constructor(settings: Settings, session: Session, tell: (state: LoginState) => void) {
    const { started, verifier } = session;
    this.#settings = settings;
    this.#started = started;
    this.#link = { sessionId: started.sessionId, wsUrl: started.wsUrl, wsToken: started.wsToken, verifier };
    this.#mac = macOf(started.qrKey);
    this.#tell = tell;
    this.#resumed = session.resumed;
    this.#sure = session.sure;
    this.#endsAt = session.endsAt;
    this.#began = session.began;
    this.#code = started.autoPassword;
  }

  begin(): void {
    this.#show();
    if (this.#over) return; // cancelled by whoever was told
    this.#follow();
    this.#stopWaking = onWake((away) => this.#following?.wake(away));
    this.#arm(this.#endsAt + grace - Date.now());
    if (this.#resumed) this.#awaitReturn();
    // A back end that started the session did not bring the server's clock along; an answer to this page does.
    if (!this.#sure && this.#settings.options.start) void this.#following?.ask();
  }

  async qrText(): Promise<string> {
    if (this.#over || this.#elsewhere || this.#claimed) return '';
    const t = Math.max(0, Math.floor((monotonic() - this.#began) / 1000));
    return `${this.#started.qrUrl}?t=${t}&c=${await this.#mac(`countersign-qr-v1\n${this.#started.sessionId}\n${t}`)}`;
  }

  async handoverLink(): Promise<string> {
    if (this.#over || this.#elsewhere || !this.#settings.sameDevice) return '';
    return `${this.#started.qrUrl}#h=${await this.#mac(`countersign-handover-v1\n${this.#started.sessionId}`)}`;
  }

  handedOver(): void {
    if (this.#over || !this.#settings.sameDevice) return;
    this.#settings.log('handed over');
    const beganAt = Date.now() - (monotonic() - this.#began);
    const keep: Kept = { started: this.#started, verifier: this.#link.verifier, endsAt: this.#endsAt, beganAt };
    mark(this.#settings, keep);
    this.#awaitReturn();
  }

  takeBack(): void {
    if (this.#over || !this.#elsewhere) return;
    this.#elsewhere = false;
    this.#follow();
    this.#arm(this.#endsAt + grace - Date.now());
    this.#show();
  }

  giveUp(): void {
    if (this.#over) return;
    this.#stop(false);
    void this.#postCancel();
  }

  // keepalive: the page may be about to go. What becomes of it is ignored on purpose: the user has already left, and
  // a session that nobody watches ends by itself.
  async #postCancel(): Promise<void> {
    const { fetch, log } = this.#settings;
    try {
      const url = sessionURL(this.#settings, this.#link, '/cancel');
      const response = await fetch!(url, { method: 'POST', headers: rights(this.#link), keepalive: true });
      log(`cancel: ${response.status}`);
    } catch {
      log('cancel: no answer');
    }
  }

  #follow(): void {
    this.#following = follow(this.#settings, { ...this.#link, last: () => this.#last }, {
      connection: (now) => {
        this.#connection = now;
        this.#show();
      },
      message: (value) => this.#hear(value),
      elsewhere: () => this.#goElsewhere(),
      lost: (code) => this.#lose(code),
      serverTime: (now) => this.#correct(now),
    });
  }

  // State of an open session, told anew whenever one of its parts changes.
  #show(): void {
    if (this.#over) return;
    const open: OpenSession = {
      sessionId: this.#started.sessionId,
      mode: this.#started.mode,
      code: this.#code,
      endsAt: this.#endsAt,
      connection: this.#connection,
      ...(this.#failed && { failed: this.#failed }),
    };
    if (this.#elsewhere) this.#tell({ name: 'elsewhere', ...open });
    else if (this.#claimed) this.#tell({ name: 'claimed', ...this.#claimed, ...open });
    else this.#tell({ name: 'pending', ...open });
  }

  #hear(value: unknown): void {
    if (this.#over || !isMessage(value)) return;
    // Also of a message seen before, because every connection brings it as it is now.
    if (value.type === 'otp_ready') this.#began = monotonic() - value.elapsed * 1000;
    if (this.#seen.has(value.id)) return;
    this.#seen.add(value.id);
    this.#last = Math.max(this.#last, value.id);
    this.#settings.log(`message ${value.id}: ${value.type}`);
    this.#take(value);
  }

  #take(m: Message): void {
    switch (m.type) {
      case 'otp_ready':
        if (m.autoPassword === this.#code) return; // most connections bring the code that the page has
        this.#code = m.autoPassword;
        return this.#show();
      case 'claimed':
        this.#claimed = { platform: m.platform, ...(m.deviceName !== undefined && { deviceName: m.deviceName }) };
        return this.#show();
      case 'rejected':
        if (m.final) return this.#end({ name: 'rejected', reason: m.reason });
        this.#failed = { reason: m.reason, attemptsRemaining: m.attemptsRemaining };
        return this.#show();
      case 'approved': {
        const { jwt = '', hash = '', random = '', expiresAt = '' } = m;
        return this.#end({ name: 'approved', result: { sessionId: this.#started.sessionId, jwt, hash, random, expiresAt } });
      }
      case 'expired':
        return this.#end({ name: 'expired' });
      case 'cancelled':
        return this.#end({ name: 'cancelled', by: m.by });
    }
  }

  #end(state: LoginState): void {
    if (this.#over) return;
    this.#stop(state.name === 'approved');
    this.#tell(state);
  }

  #stop(approved: boolean): void {
    this.#over = true;
    this.#following?.stop();
    clearTimeout(this.#deadline);
    this.#stopWaking();
    this.#stopReturning?.(approved);
    forget(this.#started.sessionId);
  }

  #goElsewhere(): void {
    this.#following?.stop();
    this.#following = undefined;
    clearTimeout(this.#deadline); // its end is the other tab's affair
    this.#elsewhere = true;
    this.#connection = 'none';
    this.#show();
  }

  // The server forgets a session some time after its end; a page that slept through it finds nothing.
  #lose(code: number): void {
    if (code === 4004 && Date.now() >= this.#endsAt) return this.#end({ name: 'expired' });
    const message = code === 4004 ? 'the server does not know the session' : 'the session may not be watched from here';
    this.#end({ name: 'failed', error: new LoginError('lost', message) });
  }

  #correct(serverNow: number): void {
    const endsAt = endOf(this.#started.expiresAt, serverNow);
    if (Math.abs(endsAt - this.#endsAt) <= drift) return;
    this.#endsAt = endsAt;
    this.#arm(endsAt + grace - Date.now());
    this.#show();
  }

  #arm(wait: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => void this.#timeIsUp(), wait);
  }

  async #timeIsUp(): Promise<void> {
    const reached = await this.#following?.ask();
    if (this.#over || this.#elsewhere) return;
    // The server's clock counts: while it calls the session open, it is.
    if (reached) this.#arm(Math.max(recheck, this.#endsAt + grace - Date.now()));
    else this.#end({ name: 'expired' });
  }

  #awaitReturn(): void {
    this.#stopReturning ??= awaitReturn(this.#started.sessionId, (code) => this.#giveBack(code));
  }

  async #giveBack(code: string): Promise<boolean | undefined> {
    for (let n = 0; n < 3 && !this.#over; n++) {
      if (n > 0) await pause(250 + backoff(n));
      const status = await this.#postReturn(code);
      this.#settings.log(`return: ${status ?? 'no answer'}`);
      if (status === 200) {
        void this.#following?.ask(); // the approval is there now: no need to wait for it
        return true;
      }
      if (status !== undefined && status < 500 && status !== 429) return false;
    }
    return undefined;
  }

  async #postReturn(code: string): Promise<number | undefined> {
    const headers = { ...rights(this.#link), 'Content-Type': 'application/json' };
    const url = sessionURL(this.#settings, this.#link, '/return');
    try {
      const post = { method: 'POST', headers, body: JSON.stringify({ code }) };
      return await timed(8000, undefined, async (signal) => (await this.#settings.fetch!(url, { ...post, signal })).status);
    } catch {
      return undefined; // not reached; the code stays good
    }
  }
}

/** When a session ends, of this machine's clock: at most ten minutes from now, whatever the clocks say. */
export function endOf(expiresAt: string, serverNow = Date.now()): number {
  const left = Date.parse(expiresAt) - serverNow;
  return Date.now() + Math.min(Math.max(left || 0, 0), 600_000);
}
