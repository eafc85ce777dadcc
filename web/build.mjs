// Builds everything a browser gets, from TypeScript to the files that are committed and embedded.
//
//   node build.mjs           builds, and writes what has changed
//   node build.mjs --check   builds, and fails if what is committed differs
//   node build.mjs --tests   builds the unit tests into .test/ for `node --test`
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

const common = { bundle: true, format: 'esm', target: 'es2022', charset: 'utf8', legalComments: 'eof', logLevel: 'warning' };
const page = { ...common, minify: true };

/** Every page: its sources' folder, its scripts, its service worker, the files copied as they are, and where it goes. */
const pages = [
  { from: 'login', to: 'dist/login', scripts: ['login.ts', 'link.ts', 'return.ts', 'operation.ts'], copy: ['login.css'] },
  { from: 'authenticator', to: 'dist/authenticator', scripts: ['app.ts'], worker: 'worker.ts', copy: ['index.html', 'app.css', 'manifest.webmanifest', 'icon.svg', 'icon-192.png', 'icon-512.png', 'icon-maskable-512.png'] },
  { from: 'demo/page', to: 'demo/dist', scripts: ['bank.ts'], copy: ['bank.css'] },
  { from: 'inspector/page', to: 'inspector/dist', scripts: ['inspector.ts'], copy: ['index.html', 'inspector.css'] },
];

/** The folders that hold nothing but what is built. */
const built = ['sdk/dist', ...pages.map((p) => p.to)];

async function buildPages(out) {
  for (const p of pages) {
    const to = join(out, p.to);
    mkdirSync(to, { recursive: true });
    const entryPoints = p.scripts.map((s) => `${p.from}/${s}`).filter((f) => existsSync(f));
    if (entryPoints.length > 0) await build({ ...page, entryPoints, outdir: to });
    for (const f of p.copy) if (existsSync(`${p.from}/${f}`)) cpSync(`${p.from}/${f}`, `${to}/${f}`);
    if (p.worker && existsSync(`${p.from}/${p.worker}`)) await buildWorker(`${p.from}/${p.worker}`, to);
  }
}

/** Builds a service worker that knows the hash of the files beside it, so that it changes whenever one of them does. */
async function buildWorker(entry, to) {
  const hash = createHash('sha256');
  for (const f of files(to)) hash.update(`${f}\n`).update(readFileSync(join(to, f)));
  await build({ ...page, entryPoints: [entry], outdir: to, define: { VERSION: JSON.stringify(hash.digest('hex').slice(0, 16)) } });
}

async function buildSDK(out) {
  const outdir = join(out, 'sdk/dist');
  const entryPoints = ['sdk/src/index.ts', 'sdk/src/element.ts'].filter((f) => existsSync(f));
  await build({ ...common, minify: true, entryPoints, outdir });
  execFileSync('node_modules/.bin/tsc', ['-p', 'sdk', '--outDir', outdir], { stdio: 'inherit' });
  for (const name of ['index.js', 'element.js'].filter((f) => existsSync(join(outdir, f)))) {
    const size = gzipSync(readFileSync(join(outdir, name)), { level: 9 }).length;
    console.log(`sdk/dist/${name}: ${size} bytes gzipped`);
    if (name === 'index.js' && size > 15 * 1024) throw new Error('the SDK is over 15 KiB gzipped');
  }
}

/** The files below a folder, by their paths from it. */
function files(folder, below = '') {
  if (!existsSync(join(folder, below))) return [];
  return readdirSync(join(folder, below)).sort().flatMap((name) => {
    const path = join(below, name);
    return statSync(join(folder, path)).isDirectory() ? files(folder, path) : [path];
  });
}

/** What differs between a fresh build and the working tree: paths, each with what the build made of it, or null. */
function differences(out) {
  return built.flatMap((folder) => [...new Set([...files(join(out, folder)), ...files(folder)])].map((f) => join(folder, f)))
    .map((path) => [path, existsSync(join(out, path)) ? readFileSync(join(out, path)) : null])
    .filter(([path, made]) => made === null || !existsSync(path) || !readFileSync(path).equals(made));
}

function write(out) {
  for (const [path, made] of differences(out)) {
    mkdirSync(dirname(path), { recursive: true });
    if (made === null) rmSync(path);
    else writeFileSync(path, made);
    console.log(`wrote ${path}`);
  }
}

function check(out) {
  const paths = differences(out).map(([path]) => path);
  if (paths.length > 0) throw new Error(`not what its sources make, run make web: ${paths.join(', ')}`);
}

async function buildTests() {
  rmSync('.test', { recursive: true, force: true });
  const entryPoints = ['sdk/test', 'login/test', 'authenticator/test', 'inspector/test'].filter((d) => existsSync(d))
    .flatMap((d) => readdirSync(d).filter((f) => f.endsWith('.test.ts')).map((f) => `${d}/${f}`));
  await build({ ...common, entryPoints, outdir: '.test', platform: 'node', outExtension: { '.js': '.mjs' }, sourcemap: 'inline' });
}

if (process.argv.includes('--tests')) {
  await buildTests();
} else {
  const out = mkdtempSync(join(tmpdir(), 'countersign-web-'));
  try {
    await buildSDK(out);
    await buildPages(out);
    (process.argv.includes('--check') ? check : write)(out);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
