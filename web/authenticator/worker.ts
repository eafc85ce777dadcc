/**
 * Keeps the app's own files so that it opens without a network, and shows a notice when a push says that something waits.
 * Nothing of the server's interface is ever kept, nor looked at: requests, sessions and answers pass by this worker.
 */

/** The hash of the app's files, put in by the build, so that a changed app is a changed worker. */
declare const VERSION: string;

/** The part of a service worker's scope that is used here; the compiler is set up for pages. */
interface WorkerScope {
  readonly registration: { readonly scope: string; showNotification(title: string, options: object): Promise<void> };
  readonly clients: {
    claim(): Promise<void>;
    matchAll(query: { type: 'window'; includeUncontrolled: boolean }): Promise<readonly Page[]>;
    openWindow(url: string): Promise<unknown>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: Lasting) => void): void;
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void;
  addEventListener(type: 'push', listener: (event: Lasting) => void): void;
  addEventListener(type: 'notificationclick', listener: (event: Clicked) => void): void;
}

interface Page {
  readonly url: string;
  focus(): Promise<unknown>;
}

interface Clicked extends Lasting {
  readonly notification: { close(): void };
}

interface Lasting {
  waitUntil(work: Promise<unknown>): void;
}

interface Fetching extends Lasting {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

const worker = globalThis as unknown as WorkerScope;
const prefix = 'countersign-authenticator-';
const cacheName = prefix + VERSION;
const page = worker.registration.scope;
const files = ['app.js', 'app.css', 'manifest.webmanifest', 'icon.svg', 'icon-192.png', 'icon-512.png', 'icon-maskable-512.png'].map((name) => `${page}/${name}`);

worker.addEventListener('install', (event) => event.waitUntil(install()));
worker.addEventListener('activate', (event) => event.waitUntil(tidy()));
worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = request.url.replace(/[?#].*$/s, '');
  const own = url === page || files.includes(url);
  // The network first, so that an app that is connected is never an old one.
  if (own && request.method === 'GET') event.respondWith(fetch(request).catch(() => kept(url)));
});

// Each push has to be shown, or browsers take the right to be woken away. It may be shown on a locked phone, so it names
// nobody; what waits is asked when the app is opened, so what the push itself says is not needed.
worker.addEventListener('push', (event) => event.waitUntil(worker.registration.showNotification('A request waits for you', {
  body: 'Open the app to see what it asks.', tag: 'countersign-waiting', renotify: true, lang: 'en', icon: `${page}/icon-192.png`,
})));
worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(openApp());
});

async function openApp(): Promise<void> {
  const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const open = pages.find(({ url }) => url.replace(/[?#].*$/s, '') === page);
  await (open === undefined ? worker.clients.openWindow(page) : open.focus());
}

async function install(): Promise<void> {
  const cache = await caches.open(cacheName);
  await cache.addAll([page, ...files].map((url) => new Request(url, { cache: 'reload' })));
  await worker.skipWaiting();
}

async function tidy(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(prefix) && name !== cacheName).map((name) => caches.delete(name)));
  await worker.clients.claim();
}

async function kept(url: string): Promise<Response> {
  const cache = await caches.open(cacheName);
  return (await cache.match(url)) ?? Response.error();
}
