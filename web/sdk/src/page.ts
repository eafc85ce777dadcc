// What a browser has and other surroundings may lack. Each name is looked up when it is needed, so that the module
// loads where there is no page (a server that renders, a test), and a page that forbids storage still logs in.

/** A Storage if this page may use it. */
export function storage(kind: 'localStorage' | 'sessionStorage'): Storage | undefined {
  try {
    return globalThis[kind];
  } catch {
    return undefined; // blocked for this page: the getter throws a SecurityError
  }
}

/** Runs what touches storage, which may be full or taken away; without it only the hand-over is lost. */
export function quietly<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}

/** A channel between the tabs of this origin, if there are such. */
export function channel(name: string): BroadcastChannel | undefined {
  return typeof BroadcastChannel === 'function' ? quietly(() => new BroadcastChannel(name)) : undefined;
}

/** Milliseconds that no clock change moves. */
export function monotonic(): number {
  return performance.now();
}

/** Listens on the window, if there is one. Gives what stops it. */
export function onWindow(names: readonly string[], act: (event: Event) => void): () => void {
  if (typeof globalThis.addEventListener !== 'function') return () => {};
  for (const name of names) globalThis.addEventListener(name, act);
  return () => {
    for (const name of names) globalThis.removeEventListener(name, act);
  };
}

/**
 * Tells when the page wakes: it is looked at again, comes out of the back/forward cache, or the network is back;
 * with how long it was away in milliseconds, Infinity where nobody knows. Gives what stops it.
 */
export function onWake(act: (away: number) => void): () => void {
  const doc = typeof document === 'object' ? document : undefined;
  let hiddenAt = doc?.visibilityState === 'hidden' ? Date.now() : undefined;
  const looked = (): void => {
    if (doc?.visibilityState === 'hidden') {
      hiddenAt = Date.now(); // the monotonic clock stands still while a machine sleeps
      return;
    }
    act(hiddenAt === undefined ? 0 : Date.now() - hiddenAt);
    hiddenAt = undefined;
  };
  // pageshow is also fired by the first load, which is no waking.
  const shown = (event: Event): void => {
    if (event.type === 'online' || (event as PageTransitionEvent).persisted) act(Infinity);
  };
  doc?.addEventListener('visibilitychange', looked);
  const stop = onWindow(['pageshow', 'online'], shown);
  return () => {
    doc?.removeEventListener('visibilitychange', looked);
    stop();
  };
}
