// Builds everything a browser gets, from TypeScript to the files that are committed and embedded.
// `node build.mjs` builds; `node build.mjs --tests` builds the unit tests into .test/ for `node --test`.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const common = { bundle: true, format: 'esm', target: 'es2022', charset: 'utf8', legalComments: 'none', logLevel: 'warning' };
const page = { ...common, minify: true };

/** Every page: its sources' folder, its scripts, the files copied as they are, and where it goes. */
const pages = [
  { from: 'login', to: 'dist/login', scripts: ['login.ts', 'link.ts', 'return.ts'], copy: ['login.css'] },
  { from: 'authenticator', to: 'dist/authenticator', scripts: ['app.ts', 'worker.ts'], copy: ['index.html', 'app.css', 'manifest.webmanifest', 'icon.svg', 'icon-192.png', 'icon-512.png', 'icon-maskable-512.png'] },
  { from: 'demo/page', to: 'demo/dist', scripts: ['bank.ts'], copy: ['bank.css'] },
  { from: 'inspector/page', to: 'inspector/dist', scripts: ['inspector.ts'], copy: ['index.html', 'inspector.css'] },
];

async function buildPages() {
  for (const p of pages) {
    rmSync(p.to, { recursive: true, force: true });
    mkdirSync(p.to, { recursive: true });
    const entryPoints = p.scripts.map((s) => `${p.from}/${s}`).filter((f) => existsSync(f));
    if (entryPoints.length > 0) await build({ ...page, entryPoints, outdir: p.to });
    for (const f of p.copy) if (existsSync(`${p.from}/${f}`)) cpSync(`${p.from}/${f}`, `${p.to}/${f}`);
  }
}

async function buildSDK() {
  rmSync('sdk/dist', { recursive: true, force: true });
  const entryPoints = ['sdk/src/index.ts', 'sdk/src/element.ts'].filter((f) => existsSync(f));
  await build({ ...common, minify: true, entryPoints, outdir: 'sdk/dist' });
  execFileSync('node_modules/.bin/tsc', ['-p', 'sdk'], { stdio: 'inherit' });
  const size = gzipSync(readFileSync('sdk/dist/index.js'), { level: 9 }).length;
  console.log(`sdk/dist/index.js: ${size} bytes gzipped`);
  if (size > 15 * 1024) throw new Error('the SDK is over 15 KiB gzipped');
}

async function buildTests() {
  rmSync('.test', { recursive: true, force: true });
  const entryPoints = ['sdk/test', 'authenticator/test'].filter((d) => existsSync(d))
    .flatMap((d) => readdirSync(d).filter((f) => f.endsWith('.test.ts')).map((f) => `${d}/${f}`));
  await build({ ...common, entryPoints, outdir: '.test', platform: 'node', outExtension: { '.js': '.mjs' }, sourcemap: 'inline' });
}

if (process.argv.includes('--tests')) {
  await buildTests();
} else {
  await buildSDK();
  await buildPages();
}
