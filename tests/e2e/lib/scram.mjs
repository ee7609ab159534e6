// SCRAM-SHA-256 (RFC 5802, 7677) as a client, by hand, for MQTT 5 enhanced authentication.

import crypto from 'node:crypto';

const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest();
const xor = (a, b) => Buffer.from(a.map((byte, i) => byte ^ b[i]));

export const METHOD = 'SCRAM-SHA-256';

export class ScramClient {
  constructor(username, password) {
    this.username = username;
    this.password = password;
    this.nonce = crypto.randomBytes(18).toString('base64');
  }

  first() {
    this.bare = `n=${this.username.replace(/=/g, '=3D').replace(/,/g, '=2C')},r=${this.nonce}`;
    return Buffer.from(`n,,${this.bare}`);
  }

  // Server-first in, client-final out.
  final(challenge) {
    const text = challenge.toString();
    const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(text);
    if (!nonce.startsWith(this.nonce) || nonce === this.nonce) throw new Error('the server did not extend the nonce');
    this.iterations = Number(iterations);
    this.salt = salt;
    const salted = crypto.pbkdf2Sync(this.password, Buffer.from(salt, 'base64'), this.iterations, 32, 'sha256');
    const clientKey = hmac(salted, 'Client Key');
    const withoutProof = `c=biws,r=${nonce}`;
    const message = `${this.bare},${text},${withoutProof}`;
    const proof = xor(clientKey, hmac(sha256(clientKey), message));
    this.serverSignature = hmac(hmac(salted, 'Server Key'), message).toString('base64');
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  // Whether the server has proved that it knows the password, too.
  verify(serverFinal) {
    return serverFinal.toString() === `v=${this.serverSignature}`;
  }
}
