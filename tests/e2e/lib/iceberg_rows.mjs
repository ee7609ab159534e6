// All rows of an Iceberg table, as icebird reads them from the newest metadata on. It fetches by URL: for the while `open(url)`
// answers, with the bytes or null.

import { icebergRead } from 'icebird';

export async function icebergRows(tableUrl, open) {
  const realFetch = globalThis.fetch;
  globalThis.fetch = async (url, init) => {
    const body = await open(String(url));
    if (!body) return new Response('not there', { status: 404 });
    const range = /^bytes=(\d+)-(\d*)$/.exec(new Headers(init?.headers).get('range') ?? '');
    const part = range ? body.subarray(Number(range[1]), range[2] === '' ? undefined : Number(range[2]) + 1) : body;
    return new Response(init?.method === 'HEAD' ? null : part, { status: range ? 206 : 200, headers: { 'content-length': `${part.length}` } });
  };
  try {
    return await icebergRead({ tableUrl });
  } finally {
    globalThis.fetch = realFetch;
  }
}
