// The browser's Back button as a way to cancel: the login gets a history entry of its own, and leaving that entry
// gives the login up. Browsers that see no click or key on the page skip such an entry and leave the page; the session
// then runs out by itself.

/** Watches the Back button. */
export interface BackWatch {
  /** Gives the login its history entry, unless it has one. */
  arm(): void;
  stop(): void;
}

const mark = 'countersign';

/** Starts to watch; `back` says whether there was anything to cancel. */
export function watchBack(back: () => boolean): BackWatch {
  // After a reload the page already stands on its entry.
  let isArmed = hasMark(history.state);
  const popped = (event: PopStateEvent): void => {
    if (!isArmed || hasMark(event.state)) return;
    isArmed = false;
    // Nothing to cancel: the user wants to leave, and a login that is over must not cost them a second press.
    if (!back()) history.back();
  };
  addEventListener('popstate', popped);
  return {
    arm: () => {
      if (isArmed) return;
      isArmed = true;
      const state: unknown = history.state;
      history.pushState({ ...(typeof state === 'object' ? state : {}), [mark]: true }, '');
    },
    stop: () => removeEventListener('popstate', popped),
  };
}

function hasMark(state: unknown): boolean {
  return typeof state === 'object' && state !== null && mark in state;
}
