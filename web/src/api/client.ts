// Requests to the broker, with the types of its own description.
//
//   const { data, meta } = await api.list('/api/v5/clients', { query: { limit: 50 } });
//   const client = await api.get('/api/v5/clients/{clientid}', { path: { clientid } });
//   await api.post('/api/v5/publish', { body: { topic, payload } });
//   await api.delete('/api/v5/banned/{as}/{who}', { path: { as, who } });
//
// Paths, parameters, bodies and answers are checked by the compiler against schema.d.ts (`npm run api`). Whatever is no success throws
// an ApiError, whose message is what the API says. The session (session.svelte.ts) signs requests, and ends at a 401.

import type { paths } from './schema';

export class ApiError extends Error {
  // status 0: no answer came.
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

type Method = 'get' | 'post' | 'put' | 'delete';
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends { [K in M]: object } ? P : never;
}[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P] extends { [K in M]: infer O } ? O : never;

type QueryOf<O> = O extends { parameters: { query?: infer Q } } ? Q : never;
type PathParams<O> = O extends { parameters: { path: infer P } } ? P : never;
type BodyOf<O> = O extends { requestBody?: { content: infer C } }
  ? C extends { 'application/json': infer B }
    ? B
    : BodyInit
  : never;
type Content<R> = R extends { content: { 'application/json': infer T } } ? T : R extends { content: object } ? string : undefined;
export type AnswerOf<O> = O extends { responses: infer R } ? Content<R[keyof R & (200 | 201 | 202 | 204)]> : never;

// An answer's type by its path: Answer<'/api/v5/clients/{clientid}'>
export type Answer<P extends keyof paths, M extends Method = 'get'> = AnswerOf<Operation<P, M>>;
// The type of an entry of a list
export type Entry<P extends PathOf<'get'>> =
  Answer<P> extends { data?: (infer T)[] } ? T : Answer<P> extends (infer T)[] ? T : never;

export interface Options<O> {
  path?: PathParams<O>;
  query?: QueryOf<O>;
  body?: BodyOf<O>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface Meta {
  page: number;
  limit: number;
  count?: number; // absent where counting would cost a walk over everything
  hasnext: boolean;
}

// What the session does for requests: set by it, so that this file knows no state.
export const hooks = {
  headers: (): Record<string, string> => ({}),
  unauthorized: (): void => {},
};

export function fill(path: string, values: Record<string, unknown> = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${path}: no value for ${name}`);
    return encodeURIComponent(String(value));
  });
}

// undefined, null and '' are left out: an empty filter is none.
export function queryText(query: Record<string, unknown> = {}): string {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== '') out.append(name, String(one));
    }
  }
  const text = out.toString();
  return text === '' ? '' : `?${text}`;
}

async function failure(answer: Response): Promise<ApiError> {
  let code = 'ERROR';
  let message = `${answer.status} ${answer.statusText}`.trim();
  try {
    const told = (await answer.json()) as { code?: string; message?: string };
    code = told.code ?? code;
    message = told.message ?? message;
  } catch {
    // no JSON: a proxy, perhaps
  }
  return new ApiError(answer.status, code, message);
}

// The answer as it comes, for streams and downloads.
export async function raw(
  method: Method,
  path: string,
  options: { path?: unknown; query?: unknown; body?: unknown; headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Response> {
  const url = fill(path, options.path as Record<string, unknown>) + queryText(options.query as Record<string, unknown>);
  const headers: Record<string, string> = { Accept: 'application/json', ...hooks.headers(), ...options.headers };
  let body: BodyInit | undefined;
  if (typeof options.body === 'string' || options.body instanceof Blob || options.body instanceof Uint8Array) {
    body = options.body as BodyInit;
  } else if (options.body !== undefined) {
    body = JSON.stringify(options.body);
    headers['Content-Type'] ??= 'application/json';
  }
  let answer: Response;
  try {
    answer = await fetch(url, { method: method.toUpperCase(), headers, body, signal: options.signal, credentials: 'same-origin' });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, 'NO_ANSWER', 'The broker does not answer. Is it running?');
  }
  if (answer.ok) return answer;
  const error = await failure(answer);
  if (answer.status === 401 && path !== '/api/v5/login') hooks.unauthorized();
  throw error;
}

async function ask<P extends keyof paths, M extends Method>(
  method: M,
  path: P,
  options: Options<Operation<P, M>> = {},
): Promise<AnswerOf<Operation<P, M>>> {
  const answer = await raw(method, path, options);
  const text = await answer.text();
  const json = (answer.headers.get('content-type') ?? '').startsWith('application/json');
  return (text === '' ? undefined : json ? JSON.parse(text) : text) as AnswerOf<Operation<P, M>>;
}

export const api = {
  get: <P extends PathOf<'get'>>(path: P, options?: Options<Operation<P, 'get'>>) => ask('get', path, options),
  post: <P extends PathOf<'post'>>(path: P, options?: Options<Operation<P, 'post'>>) => ask('post', path, options),
  put: <P extends PathOf<'put'>>(path: P, options?: Options<Operation<P, 'put'>>) => ask('put', path, options),
  delete: <P extends PathOf<'delete'>>(path: P, options?: Options<Operation<P, 'delete'>>) => ask('delete', path, options),

  // A list, whether the API answers with {data, meta} or with a plain array.
  async list<P extends PathOf<'get'>>(
    path: P,
    options?: Options<Operation<P, 'get'>>,
  ): Promise<{ data: Entry<P>[]; meta: Meta }> {
    const answer = (await ask('get', path, options)) as unknown;
    if (Array.isArray(answer)) {
      return { data: answer as Entry<P>[], meta: { page: 1, limit: answer.length, count: answer.length, hasnext: false } };
    }
    return answer as { data: Entry<P>[]; meta: Meta };
  },
};

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
