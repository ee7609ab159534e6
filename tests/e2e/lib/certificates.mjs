// Certificates for tests, made with the openssl command in a directory of their own. Keys are P-256: quick to make.
//
//   const pki = new Pki(dir);
//   const server = pki.issue('server', { cn: 'localhost', san: ['IP:127.0.0.1', 'DNS:localhost'] });
//   { cert: server.cert, key: server.key, ca: pki.ca }          // file names, as varve.yaml wants them
//   pki.crl([client]);                                          // a revocation list with this certificate in it

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });

export class Pki {
  constructor(dir, name = 'ca') {
    this.dir = path.join(dir, name);
    fs.mkdirSync(this.dir, { recursive: true });
    this.ca = this.file('ca.pem');
    this.caKey = this.file('ca.key');
    openssl(
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', this.caKey,
      '-out', this.ca, '-days', '30', '-subj', `/CN=test authority ${name}`,
      '-addext', 'keyUsage=critical,keyCertSign,cRLSign',
    );
    fs.writeFileSync(this.file('index.txt'), '');
    fs.writeFileSync(this.file('serial'), '1000\n');
    fs.writeFileSync(this.file('crlnumber'), '01\n');
    fs.writeFileSync(
      this.file('ca.cnf'),
      `[ca]\ndefault_ca=it\n[it]\ndatabase=${this.file('index.txt')}\nserial=${this.file('serial')}\n` +
        `crlnumber=${this.file('crlnumber')}\nnew_certs_dir=${this.dir}\ncertificate=${this.ca}\nprivate_key=${this.caKey}\n` +
        `default_md=sha256\ndefault_days=30\ndefault_crl_days=30\npolicy=any\nunique_subject=no\ncopy_extensions=copy\n` +
        `[any]\ncommonName=optional\n`,
    );
  }

  file(name) {
    return path.join(this.dir, name);
  }

  // Returns {cert, key}: file names. `san` is a list like ['DNS:a.example', 'email:x@y', 'URI:urn:z'].
  issue(name, { cn = name, san = [] } = {}) {
    const [key, request, cert] = ['key', 'csr', 'pem'].map((ending) => this.file(`${name}.${ending}`));
    const extension = san.length > 0 ? ['-addext', `subjectAltName=${san.join(',')}`] : [];
    openssl(
      'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', request,
      '-subj', cn ? `/CN=${cn}` : '/', ...extension,
    );
    openssl('ca', '-batch', '-notext', '-config', this.file('ca.cnf'), '-in', request, '-out', cert);
    return { cert, key };
  }

  // Revokes these and writes a fresh list; returns its file name.
  crl(revoked = []) {
    for (const { cert } of revoked) openssl('ca', '-config', this.file('ca.cnf'), '-revoke', cert);
    const out = this.file('crl.pem');
    openssl('ca', '-config', this.file('ca.cnf'), '-gencrl', '-out', out);
    return out;
  }
}

export const read = (file) => fs.readFileSync(file);
