// A certificate for the name that stands in the files of deploy/proxies.

import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

export const SITE = 'channel.example.org';

// Makes channel.crt, channel.key and channel.pem (both, as haproxy wants them) in the directory.
// Returns the certificate.
export async function makeCertificate(directory) {
  const file = (end) => path.join(directory, `channel.${end}`);
  const [crt, key, pem] = ['crt', 'key', 'pem'].map(file);
  await promisify(execFile)('openssl', [
    ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'.split(' '),
    ...['-subj', `/CN=${SITE}`, '-addext', `subjectAltName=DNS:${SITE}`],
    ...['-keyout', key, '-out', crt],
  ]);
  const certificate = fs.readFileSync(crt, 'utf8');
  fs.writeFileSync(pem, certificate + fs.readFileSync(key, 'utf8'));
  return certificate;
}
