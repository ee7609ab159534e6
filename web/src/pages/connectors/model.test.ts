import { describe, expect, test } from 'vitest';

import { answersOf, bodyOf, endpointFor, endpointOf, explain, providerOf, providers, valuesOf, wholeOf } from './model';

const provider = (id: string) => providers.find((one) => one.id === id)!;

describe('providers', () => {
  test('the endpoint follows from the answers, and the answers from the endpoint', () => {
    const asked = { aws: { region: 'eu-west-1' }, b2: { region: 'us-west-004' }, spaces: { region: 'fra1' }, r2: { account: 'abc123.eu' }, gcs: {} };
    for (const [id, answers] of Object.entries(asked)) {
      const endpoint = endpointFor(provider(id), answers as Record<string, string>);
      expect(providerOf(endpoint).id).toBe(id);
      expect(answersOf(provider(id), endpoint)).toEqual(answers);
    }
  });
  test('there is none as long as a question is open', () => {
    expect(endpointFor(provider('aws'), { region: ' ' })).toBe('');
  });
  test('of a host of somebody it is another one', () => {
    expect(providerOf('http://minio:9000').id).toBe('other');
  });
});

describe('the object', () => {
  const stored = { type: 's3', name: 'a', host: 'ceph', port: 7480, access_key_id: 'k', secret_access_key: '******', transport_options: { ssl: { enable: false } } };

  test('of host and port is shown as a URL', () => {
    expect(endpointOf(stored)).toBe('http://ceph:7480');
    expect(endpointOf({ host: 'h', port: 443 })).toBe('https://h');
  });
  test('keeps its secret when something else changes', () => {
    const values = valuesOf('s3', stored);
    values.description = 'new';
    expect(bodyOf('s3', values, stored)).toEqual({ description: 'new' });
    expect(wholeOf('s3', 'a', values, stored)).toMatchObject({ name: 'a', secret_access_key: '******', endpoint: 'http://ceph:7480' });
  });
  test('another endpoint takes the place of host and port', () => {
    const values = valuesOf('s3', stored);
    values.endpoint = 'https://ceph';
    expect(bodyOf('s3', values, stored)).toEqual({ endpoint: 'https://ceph', host: null, port: null });
  });
  test('keys go when the machine has a role', () => {
    const values = valuesOf('s3', stored);
    values['#keys'] = 'role';
    expect(bodyOf('s3', values, stored)).toEqual({ access_key_id: null, secret_access_key: null, session_token: null });
  });
});

describe('failures', () => {
  test.each([
    ['PUT x: the secret does not belong to the access key', 'secret_access_key'],
    ['HEAD b: no such bucket', 'bucket'],
    ['unreachable: the host nowhere is not known', 'endpoint'],
    ['the certificate of s3.local is not accepted', 'transport_options.ssl.cacertfile'],
    ['transport_options.pool_size: expected 1 to 1024', 'transport_options.pool_size'],
    ['endpoint: must be a URL', 'endpoint'],
  ])('%s is about %s', (message, path) => {
    expect(explain('s3', message).path).toBe(path);
  });
});
