import { afterEach, expect, test, vi } from 'vitest';

import { api, ApiError, fill, hooks, queryText, raw } from './client';

function answers(status: number, body: string, type = 'application/json') {
  const ask = vi.fn(async (_url: string, _init: RequestInit) => new Response(status === 204 ? null : body, { status, headers: { 'content-type': type } }));
  vi.stubGlobal('fetch', ask);
  return ask;
}
afterEach(() => {
  vi.unstubAllGlobals();
  hooks.unauthorized = () => {};
});

test('parameters of paths are encoded, and none may be missing', () => {
  expect(fill('/api/v5/clients/{clientid}', { clientid: 'a/b c' })).toBe('/api/v5/clients/a%2Fb%20c');
  expect(() => fill('/api/v5/clients/{clientid}')).toThrow('no value for clientid');
});

test('an empty filter is none, and a list is one parameter for each', () => {
  expect(queryText({ a: '', b: undefined, c: 0, d: ['x', 'y'] })).toBe('?c=0&d=x&d=y');
  expect(queryText()).toBe('');
});

test('what the API refuses is thrown with its message', async () => {
  answers(404, '{"code":"CLIENTID_NOT_FOUND","message":"no client x"}');
  const error = await api.get('/api/v5/clients/{clientid}', { path: { clientid: 'x' } }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 404, code: 'CLIENTID_NOT_FOUND', message: 'no client x' });
});

test('an answer of something else than the API is told by its status', async () => {
  answers(502, '<html>', 'text/html');
  await expect(raw('get', '/api/v5/stats')).rejects.toMatchObject({ status: 502, code: 'ERROR' });
});

test('401 ends the session, but for that of a login', async () => {
  const ended = vi.fn();
  hooks.unauthorized = ended;
  answers(401, '{"code":"BAD_USERNAME_OR_PWD","message":"user name or password is wrong"}');
  await expect(api.post('/api/v5/login', { body: { username: 'a', password: 'b' } })).rejects.toThrow('wrong');
  expect(ended).not.toHaveBeenCalled();
  await expect(api.get('/api/v5/session')).rejects.toThrow();
  expect(ended).toHaveBeenCalledOnce();
});

test('lists come with or without meta', async () => {
  answers(200, '[{"username":"admin"}]');
  expect(await api.list('/api/v5/users')).toEqual({
    data: [{ username: 'admin' }],
    meta: { page: 1, limit: 1, count: 1, hasnext: false },
  });
});

test('a body is JSON, and nothing comes of 204', async () => {
  const ask = answers(204, '');
  expect(await api.post('/api/v5/login', { body: { username: 'a', password: 'b' } })).toBe(undefined);
  expect(ask.mock.calls[0]![1].body).toBe('{"username":"a","password":"b"}');
});
