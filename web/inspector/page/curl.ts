import type { Exchange } from './entry.js';

/** What the server writes in place of a secret, and what stands for it in a command. */
const masked = '••••';
const placeholder = 'SECRET';

/** Writes a request as a command for a POSIX shell; what was masked is a placeholder. */
export function curl(r: Exchange): string {
  const parts = ['curl -i'];
  // Any token of HTTP may be a method, such as one with backticks.
  if (r.method !== 'GET') parts.push(`-X ${/^[A-Z]+$/.test(r.method) ? r.method : quote(r.method)}`);
  parts.push(quote(r.url));
  for (const [name, value] of r.requestHeaders ?? []) {
    if (name === 'Sec-Fetch-Site') continue; // only browsers send it
    const basic = /^basic (.*)$/i.exec(name === 'Authorization' ? value : '');
    parts.push(basic ? `-u ${quote(basic[1] ?? '')}` : `-H ${quote(`${name}: ${value}`)}`);
  }
  if (r.requestBody) parts.push(`--data-raw ${quote(r.requestBody.text)}`);
  const note = r.requestBody?.cut ? '\n# the body was longer than what is kept' : '';
  return parts.join(' \\\n  ') + note;
}

function quote(text: string): string {
  return `'${text.replaceAll(masked, placeholder).replaceAll("'", `'\\''`)}'`;
}
