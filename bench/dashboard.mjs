// The dashboard in headless Chromium, over loopback: how long until it can be used, and how it bears ten thousand clients. Medians of
// several rounds; each round of the first part is a browser that has never been here (a fresh context, an empty cache).
//
// example: node bench/dashboard.mjs [--rounds 9] [--clients 10000]
//
// Needs build/release/varve (VARVE_BIN names another), Debian's chromium and the packages of tests/e2e.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const top = fileURLToPath(new URL('..', import.meta.url));
process.env.VARVE_BIN ??= path.join(top, 'build/release/varve');
const { Broker } = await import('../tests/e2e/lib/broker.mjs');
const { Browser } = await import('../tests/e2e/lib/browser.mjs');
const { Api } = await import('../tests/e2e/lib/http.mjs');
const { IdleClients } = await import('../tests/e2e/lib/idle.mjs');

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, clients: { type: 'string', default: '10000' } },
});
const rounds = Number(options.rounds);
const USER = { user: 'ann', password: 'sediment-2026' };

const sorted = (list) => [...list].sort((a, b) => a - b);
const quantile = (list, part) => sorted(list)[Math.min(list.length - 1, Math.floor(list.length * part))];
const line = (what, list, unit = 'ms') =>
  console.log(`${what.padEnd(58)} ${quantile(list, 0.5).toFixed(1).padStart(8)} ${unit}   ${sorted(list)[0].toFixed(1)} to ${sorted(list).at(-1).toFixed(1)}`);

// In the page, before anything of it: when what `selector` names is there, painted, and the page takes its next task.
function watch(selector) {
  globalThis.usable = new Promise((resolve) => {
    const look = () => {
      if (!document.querySelector(selector)) return false;
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now()), 0));
      return true;
    };
    const observer = new MutationObserver(() => look() && observer.disconnect());
    observer.observe(document, { childList: true, subtree: true });
  });
}

// Milliseconds from the navigation until `selector` can be used, and the bytes that came by then.
async function open(browser, broker, selector, storageState) {
  const { host, port } = broker.listener('http');
  const context = await browser.chromium.newContext({ baseURL: `http://${host}:${port}`, storageState });
  const page = await context.newPage();
  await page.addInitScript(watch, selector);
  await page.goto('/', { waitUntil: 'commit' });
  const usable_ms = await page.evaluate('usable');
  const bytes = await page.evaluate(() =>
    [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].filter((one) => !one.name.includes('/api/')).reduce((sum, one) => sum + one.transferSize, 0),
  );
  await context.close();
  return { usable_ms, bytes };
}

async function firstPage(browser, broker) {
  const page = await browser.page(broker, USER);
  const state = await page.context().storageState();
  await page.context().close();
  await open(browser, broker, 'input'); // whatever the machine has to fetch once
  const parts = [
    ['the sign-in page takes a name', 'input', undefined],
    ['signed in: the overview has its figures', '.stat .value', state],
  ];
  for (const [what, selector, storage] of parts) {
    const results = [];
    for (let i = 0; i < rounds; i++) results.push(await open(browser, broker, selector, storage));
    line(what, results.map((one) => one.usable_ms));
    line('  bytes of the dashboard until then', results.map((one) => one.bytes / 1000), 'kB');
  }
}

async function timed(work) {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

// Milliseconds between frames while `step` is done once a frame.
function frames(step, count) {
  return new Promise((resolve) => {
    const gaps = [];
    const body = document.querySelector('table').parentElement;
    let former;
    const frame = (now) => {
      if (former !== undefined) gaps.push(now - former);
      former = now;
      if (gaps.length === count) return resolve(gaps);
      body.scrollTop += step;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

async function manyClients(browser, broker) {
  const api = new Api(broker);
  const idle = await IdleClients.start(broker, Number(options.clients));
  const count = idle.count.toLocaleString('en-GB');
  console.log(`\n${count} clients`);
  for (const query of ['limit=100', `limit=100&page=${idle.count / 100}`, `limit=100&like_clientid=i${idle.count - 1}`, 'limit=10000']) {
    const times = [];
    for (let i = 0; i < rounds; i++) times.push(await timed(() => api.get(`/clients?${query}`)));
    line(`GET /clients?${query}`, times);
  }
  const page = await browser.page(broker, USER);
  const first = [], search = [], all = [], sort = [], gaps = [];
  for (let i = 0; i < rounds; i++) {
    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    first.push(await timed(async () => {
      await page.getByRole('link', { name: 'Clients', exact: true }).click();
      await page.getByText(`1–100 of ${count}`, { exact: true }).waitFor();
    }));
    search.push(await timed(async () => {
      await page.getByPlaceholder('Client id').fill(`i${idle.count - 1}`);
      await page.getByText('1–1 of 1', { exact: true }).waitFor();
    }));
    await page.getByPlaceholder('Client id').fill('');
    await page.getByText(`1–100 of ${count}`, { exact: true }).waitFor();
    all.push(await timed(async () => {
      await page.getByLabel('Rows', { exact: true }).selectOption('10,000');
      await page.getByText(`1–${count} of ${count}`, { exact: true }).waitFor();
    }));
    gaps.push(...(await page.evaluate(`(${frames})(1200, 100)`)));
    sort.push(await timed(async () => {
      await page.getByRole('columnheader', { name: 'Client id' }).getByRole('button').click();
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    }));
  }
  line('from the click to the first page of the list', first);
  line('a search, with the 250 ms that it waits for more letters', search);
  line('all of them in one page', all);
  line('sorting them', sort);
  line('a frame while scrolling through them, 1,200 pixels each', gaps);
  console.log(`  95 % of them within ${quantile(gaps, 0.95).toFixed(1)} ms`);
  await page.context().close();
  idle.stop();
}

const [broker, browser] = await Promise.all([Broker.start(), Browser.start()]);
try {
  await new Api(broker).post('/users', { username: USER.user, password: USER.password, role: 'administrator' });
  await firstPage(browser, broker);
  await manyClients(browser, broker);
} finally {
  await browser.stop();
  await broker.stop();
}
