/**
 * Keeps the app's own files so that it opens without a network. Nothing of the server's interface is ever kept, nor
 * looked at: requests, sessions and answers pass by this worker.
 */

/** The hash of the app's files, put in by the build, so that a changed app is a changed worker. */
declare const VERSION: string;

/** The part of a service worker's scope that is used here; the compiler is set up for pages. */
interface WorkerScope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: Lasting) => void): void;
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void;
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
