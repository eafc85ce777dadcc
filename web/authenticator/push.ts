/**
 * Being woken while the app is closed: the browser's subscription, and that the server has the same one.
 */
import type { Client, Listed, Signer } from './client.js';
import { base64url, fromBase64url } from './protocol.js';

/** The part of the browser that is used here. */
export interface PushBrowser {
  /** Asks the user, unless they have answered before. */
  permission(): Promise<NotificationPermission>;
  /** What the worker subscribes with; undefined where there is none. */
  manager(): Promise<Pick<PushManager, 'getSubscription' | 'subscribe'> | undefined>;
}

/** What became of the wish to be woken. */
export type Wish = 'on' | 'denied' | 'impossible';

/** Where a phone is woken. */
export interface Pushes {
  /** Has the phone woken from now on. To be called by a click, and by nothing else: it may ask the user. */
  on(me: Signer, key: string): Promise<Wish>;
  /** Has the phone left alone. */
  off(me: Signer): Promise<void>;
  /** Makes server and browser agree again after either has lost the subscription; asks the user nothing. */
  keep(me: Signer, listed: Listed): Promise<void>;
  /** Ends the browser's subscription, as when the phone is forgotten. */
  end(): Promise<void>;
}

/** This browser; undefined if it cannot be woken. */
export function thisBrowser(): PushBrowser | undefined {
  if (!('PushManager' in globalThis) || !('Notification' in globalThis) || !('serviceWorker' in navigator)) return undefined;
  return {
    permission: () => Notification.requestPermission(),
    manager: async () => (await navigator.serviceWorker.getRegistration())?.pushManager,
  };
}

/** Takes away what the worker showed while the app was closed. */
export async function clearNotices(): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  for (const notice of (await registration?.getNotifications?.()) ?? []) notice.close();
}

/** Makes the pushes of one server. */
export function createPushes(client: Client, browser: PushBrowser | undefined): Pushes {
  const present = async (): Promise<PushSubscription | undefined> => (await (await browser?.manager())?.getSubscription()) ?? undefined;
  const end = async (): Promise<void> => void (await (await present())?.unsubscribe());

  return {
    end,
    on: async (me, key) => {
      if (browser === undefined) return 'impossible';
      if ((await browser.permission()) !== 'granted') return 'denied';
      const manager = await browser.manager();
      const applicationServerKey = fromBase64url(key);
      if (manager === undefined || applicationServerKey === undefined) return 'impossible';
      await end(); // it may be of another server's key
      let subscription: PushSubscription;
      try {
        subscription = await manager.subscribe({ userVisibleOnly: true, applicationServerKey });
      } catch {
        return 'impossible'; // the browser has no push service, or does not reach it
      }
      try {
        await client.push(me, JSON.stringify(subscription));
      } catch (error) {
        await subscription.unsubscribe(); // or it would be sent again at the next start
        throw error;
      }
      return 'on';
    },
    off: async (me) => {
      await end(); // first: what the browser still has is sent again at the next start
      await client.push(me, '');
    },
    keep: async (me, { devices, pushKey }) => {
      const known = devices.some((d) => d.current && d.push === true);
      let subscription = await present();
      if (subscription !== undefined && keyOf(subscription) !== pushKey) {
        await end();
        subscription = undefined;
      }
      if (subscription === undefined && known) await client.push(me, '');
      if (subscription !== undefined && !known) await client.push(me, JSON.stringify(subscription));
    },
  };
}

function keyOf({ options }: PushSubscription): string | undefined {
  return options.applicationServerKey === null ? undefined : base64url(options.applicationServerKey);
}
