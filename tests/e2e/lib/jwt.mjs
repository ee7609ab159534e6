// JSON Web Tokens for tests, put together by hand, so that wrong ones can be made as well.

import crypto from 'node:crypto';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

const SIGN = {
  HS256: (text, key) => crypto.createHmac('sha256', key).update(text).digest(),
  RS256: (text, key) => crypto.sign('sha256', Buffer.from(text), key),
  ES256: (text, key) => crypto.sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }),
  none: () => Buffer.alloc(0),
};

export const now_s = () => Math.floor(Date.now() / 1000);

// header.alg decides how it is signed, unless `signAs` says otherwise.
export function token(header, claims, key, signAs = header.alg) {
  const text = `${encode({ typ: 'JWT', ...header })}.${encode(claims)}`;
  return `${text}.${SIGN[signAs](text, key).toString('base64url')}`;
}

export const rsaKeys = () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
export const ecKeys = () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });

// The public half as a member of a JSON Web Key set.
export function jwk(publicKey, kid, alg) {
  return { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}
