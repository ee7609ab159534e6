// @vitest-environment node
import { beforeAll, expect, test, vi } from 'vitest';

let matchPath: typeof import('./router.svelte').matchPath;
let href: typeof import('./router.svelte').href;

beforeAll(async () => {
  vi.stubGlobal('location', { pathname: '/', search: '', origin: 'http://x' });
  vi.stubGlobal('window', { addEventListener: () => {} });
  ({ matchPath, href } = await import('./router.svelte'));
});

test('parameters are whole segments, decoded', () => {
  expect(matchPath('/stations/{name}/messages', '/stations/a%2Fb/messages')).toEqual({ params: { name: 'a/b' } });
  expect(matchPath('/stations/{name}', '/stations/a/b')).toBe(null);
  expect(matchPath('/stations/{name}', '/stations/')).toBe(null);
  expect(matchPath('/stations/{name}', '/stations/%zz')).toBe(null);
});

test('a slash at the end means nothing', () => {
  expect(matchPath('/', '/')).toEqual({ params: {} });
  expect(matchPath('/clients', '/clients/')).toEqual({ params: {} });
  expect(matchPath('/clients', '/')).toBe(null);
});

test('a link encodes what it holds', () => {
  expect(href('/clients/{clientid}', { clientid: 'a/b c' })).toBe('/clients/a%2Fb%20c');
});
