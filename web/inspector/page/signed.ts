/** The lines of each signed text, by its first one (docs/protocol.md, the phone). */
const lines: Readonly<Record<string, readonly string[]>> = {
  'countersign-enroll-v1': ['enrollmentCode', 'thumbprint of the key', 'timestamp', 'nonce'],
  'countersign-pending-v1': ['tokenId', 'deviceId', 'timestamp', 'nonce'],
  'countersign-claim-v1': ['sessionId', 'tokenId', 'deviceId', 'scan', 'timestamp', 'nonce'],
  'countersign-verify-v1': ['sessionId', 'tokenId', 'deviceId', 'serviceId', 'decision', 'otp', 'grantedScopes', 'displayHash', 'timestamp', 'nonce'],
};

/** What the argument of each device verb is. */
const verbArguments: Readonly<Record<string, string>> = {
  list: 'argument (empty)',
  rename: 'argument: new name',
  push: 'argument: SHA-256 of the subscription',
  rotate: 'argument: thumbprint of the new key',
  revoke: 'argument: deviceId',
  lock: 'argument: hours',
  code: 'argument (empty)',
  ws: 'argument (empty)',
};

/** One line of a signed text. */
export interface Line {
  readonly label: string;
  readonly value: string;
}

/** Parts a signed text into its lines, each with the protocol's name. */
export function labelled(text: string): Line[] {
  if (!text.startsWith('countersign-')) return legacy(text);
  const values = text.split('\n');
  const labels = ['purpose', 'issuer', ...labelsOf(values[0] ?? '')];
  return values.map((value, i) => ({ label: labels[i] ?? 'not in the protocol', value }));
}

function labelsOf(purpose: string): readonly string[] {
  const verb = /^countersign-device-(\w+)-v1$/.exec(purpose)?.[1];
  if (verb === undefined) return lines[purpose] ?? [];
  return ['tokenId', 'deviceId', verbArguments[verb] ?? 'argument', 'timestamp', 'nonce'];
}

/** Texts of version 0 are one line, parted by bars. */
function legacy(text: string): Line[] {
  const labels = ['sessionId', 'otp', 'timestamp', 'scopes'];
  return text.split('|').map((value, i) => ({ label: `${labels[i] ?? 'not in the protocol'} (version 0)`, value }));
}

/** Writes bytes as hexadecimal, sixteen a row, with offset and text. */
export function hexDump(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.slice(at, at + 16)];
    const hex = row.map((b) => b.toString(16).padStart(2, '0')).join(' ').padEnd(47);
    const text = row.map((b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : '.')).join('');
    rows.push(`${at.toString(16).padStart(4, '0')}  ${hex}  ${text}`);
  }
  return rows.join('\n');
}
