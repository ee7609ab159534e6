// The dashboard, as it is served and as a person uses it in a browser.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import http from 'node:http';

import mqtt from 'mqtt';

import { Broker } from './lib/broker.mjs';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Api } from './lib/http.mjs';
import { IdleClients } from './lib/idle.mjs';
import { until } from './lib/wait.mjs';

const FIRST_PAGE_BYTES = 200_000;
const PASSWORD = 'sediment-2026';
const ALICE = { username: 'alice', password: 'a long password' };
const DEVICES = ['press-1', 'press-2', 'kiln-north', 'kiln-south', 'conveyor-7', 'boiler-3', 'gateway-12'];

let broker, api;
before(async () => {
  broker = await Broker.start();
  api = new Api(broker);
  // From here on nobody connects without a password.
  await api.post('/authentication/password_based%3Abuilt_in_database/users', { user_id: ALICE.username, password: ALICE.password });
});
after(() => broker?.stop());

// Without what fetch() adds: {status, headers, body} with the bytes as they came.
function ask(path, headers = {}) {
  const { host, port } = broker.listener('http');
  return new Promise((resolve, reject) => {
    http
      .get({ host, port, path, headers }, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
      })
      .on('error', reject);
  });
}

describe('files', () => {
  test('the first page is small, and what has its hash in the name is kept by browsers', async () => {
    const page = await ask('/', { 'accept-encoding': 'gzip', accept: 'text/html' });
    assert.equal(page.status, 200);
    assert.equal(page.headers['cache-control'], 'no-cache');
    const html = gunzipSync(page.body).toString();
    let bytes = page.body.length;
    const names = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1]);
    assert.ok(names.length >= 2, html);
    for (const name of names) {
      const file = await ask(name, { 'accept-encoding': 'gzip' });
      assert.equal(file.status, 200, name);
      assert.equal(file.headers['cache-control'], 'public, max-age=31536000, immutable');
      bytes += file.body.length;
    }
    assert.ok(bytes < FIRST_PAGE_BYTES, `${bytes} bytes`);
  });

  test('a policy forbids scripts of elsewhere and inline ones, and frames', async () => {
    const { headers, body } = await ask('/');
    assert.match(headers['content-security-policy'], /^default-src 'self';.* frame-ancestors 'none'$/);
    assert.doesNotMatch(headers['content-security-policy'], /unsafe|https?:/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.doesNotMatch(body.toString(), /<script(?![^>]* src=)/);
    assert.doesNotMatch(body.toString(), /\b(?:src|href)="(?:https?:)?\/\//);
  });

  test('a client without gzip gets the same bytes', async () => {
    const packed = await ask('/', { 'accept-encoding': 'br, gzip;q=0.5' });
    const plain = await ask('/', { 'accept-encoding': 'gzip;q=0' });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.equal(plain.headers['content-encoding'], undefined);
    assert.deepEqual(gunzipSync(packed.body), plain.body);
  });

  test('what a browser has already is not sent again', async () => {
    const { headers } = await ask('/');
    const again = await ask('/', { 'if-none-match': headers.etag });
    assert.equal(again.status, 304);
    assert.equal(again.body.length, 0);
    assert.equal((await ask('/', { 'if-none-match': '"other"' })).status, 200);
  });

  test('paths of the dashboard are pages for browsers alone, and those of the API never', async () => {
    const html = { accept: 'text/html,*/*;q=0.8' };
    assert.match((await ask('/clients/a%2Fb', html)).headers['content-type'], /^text\/html/);
    assert.equal((await ask('/clients/a%2Fb', { accept: 'application/json' })).status, 404);
    assert.equal((await ask('/api/v5/nothing', html)).status, 404);
    assert.equal((await ask('/assets/nothing.js', html)).status, 404);
    assert.equal((await api.post('//', {})).status, 404);
  });

  test('the types of the API that the dashboard is checked against are those of this broker', async () => {
    const script = fileURLToPath(new URL('../../web/scripts/api.mjs', import.meta.url));
    await promisify(execFile)('node', [script, '--check', '--url', api.base]);
  });
});

describe('in a browser', () => {
  let browser;
  before(async () => {
    browser = await Browser.start();
  });
  after(() => browser?.stop());

  // Signed in once: a login costs a second on purpose.
  let admin;
  async function adminPage(path) {
    admin ??= await browser.page(broker, { user: 'admin', password: PASSWORD });
    await admin.goto(path);
    return admin;
  }

  test('the first sign-in replaces the printed password, and a reload goes on', async () => {
    const page = await browser.page(broker);
    await page.goto('/');
    await page.getByLabel('User name').fill('admin');
    await page.getByLabel('Password', { exact: true }).fill('wrong-password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('user name or password is wrong').waitFor();
    await page.checkAccess();
    await page.getByLabel('Password', { exact: true }).fill(await broker.firstPassword());
    await page.keyboard.press('Enter');

    await page.getByRole('heading', { name: 'Choose your password' }).waitFor();
    await page.reload();
    await page.getByLabel('Printed password').fill(await broker.firstPassword());
    await page.getByLabel('New password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('New password again').fill('another');
    await page.getByRole('button', { name: 'Change password' }).click();
    await page.getByText('The two are not the same.').waitFor();
    await page.checkAccess();
    await page.getByLabel('New password again').fill(PASSWORD);
    await page.getByRole('button', { name: 'Change password' }).click();
    await page.getByRole('navigation').waitFor();

    await page.reload();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    const cookies = await page.context().cookies();
    assert.deepEqual(cookies.map(({ httpOnly, sameSite, path }) => ({ httpOnly, sameSite, path })), [
      { httpOnly: true, sameSite: 'Strict', path: '/api/v5' },
    ]);
    assert.equal(await page.evaluate('document.cookie'), '');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in to Varve' }).waitFor();
    await page.shot('sign-in');
    page.ends();
    await page.context().close();
  });

  // Something to look at: devices of a plant, retained states, a user, a ban, an alarm.
  async function populate() {
    const { host, port } = broker.tcp;
    const clients = await Promise.all(
      DEVICES.map((clientId) => mqtt.connectAsync(`mqtt://${host}:${port}`, { clientId, protocolVersion: 5, properties: { sessionExpiryInterval: 3600 }, ...ALICE })),
    );
    await clients[0].subscribeAsync(['plant/+/temperature', '$share/writers/plant/#'], { qos: 1 });
    await clients[1].subscribeAsync('plant/1/state', { qos: 2, nl: true });
    for (let i = 0; i < DEVICES.length; i++) {
      await clients[i].publishAsync(`plant/${i}/state`, JSON.stringify({ device: DEVICES[i], on: i % 2 === 0, level: 20.5 + i }), {
        qos: 1, retain: true, properties: { userProperties: { unit: 'percent' } },
      });
    }
    await clients.at(-1).endAsync(); // a session stays
    return clients.slice(0, -1);
  }

  test('every page is there for eyes, keyboards and small windows', async (t) => {
    const clients = await populate();
    const traffic = setInterval(() => clients.forEach((client, i) => client.publish(`plant/${i}/temperature`, `{"celsius":${20 + i}}`)), 250);
    t.after(() => clearInterval(traffic));
    // Nobody listens there: an alarm.
    await api.post('/connectors', { type: 's3', name: 'archive', host: '127.0.0.1', port: 9, bucket: 'plant', access_key_id: 'a', secret_access_key: 'b' });
    await api.post('/banned', { as: 'peerhost_net', who: '192.0.2.0/24', reason: 'flooding' });
    const page = await adminPage('/');
    const pages = [
      ['/clients', 'Clients', 'clients', DEVICES[0]],
      [`/clients/${DEVICES[0]}`, DEVICES[0], 'client', 'plant/+/temperature'],
      ['/subscriptions', 'Subscriptions', 'subscriptions', 'plant/1/state'],
      ['/topics', 'Topics', 'topics', 'plant/1/state'],
      ['/retained', 'Retained messages', 'retained', 'plant/1/state'],
      ['/alarms', 'Alarms', 'alarms', 's3:archive'],
      ['/logs', 'Logs', 'logs', 'broker started'],
      ['/users', 'Users', 'users', 'administrator'],
      ['/keys', 'API keys', 'keys', 'There are no API keys'],
      ['/mqtt-users', 'MQTT users', 'mqtt-users', 'alice'],
      ['/bans', 'Bans', 'bans', '192.0.2.0/24'],
      ['/try', 'Try it', null, 'No message yet'],
      ['/', 'Overview', 'overview', 'ws:default'], // the last one: there is something to draw by then
    ];
    for (const [path, title, name, text] of pages) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1, name: title }).waitFor();
      await page.getByRole('main').getByText(text).first().waitFor();
      await page.checkAccess();
      if (name) await page.shot(name);
      await page.setViewportSize(NARROW);
      await page.fits();
      if (name === 'clients') await page.shot('clients-narrow', { themes: ['light'] });
      await page.setViewportSize(WIDE);
    }
    clearInterval(traffic);
    page.ends();
    await Promise.all(clients.map((client) => client.endAsync()));
  });

  test('ten thousand clients are paged, searched and sorted, and the page holds those that are seen', async (t) => {
    const crowded = await Broker.during(t);
    await new Api(crowded).post('/users', { username: 'ann', password: PASSWORD, role: 'administrator' });
    const [idle, page] = await Promise.all([IdleClients.start(crowded, 10_000), browser.page(crowded, { user: 'ann', password: PASSWORD })]);
    t.after(() => idle.stop());
    const { count } = idle;
    const written = (n) => n.toLocaleString('en-GB');
    const asked = [];
    page.on('request', (request) => /\/api\/v5\/clients\?/.test(request.url()) && asked.push(new URL(request.url()).searchParams));
    const table = page.getByRole('table', { name: 'Clients' });
    const cell = (i) => page.getByRole('cell', { name: idle.name(i), exact: true });
    const rows = (n) => until(async () => (await table.getAttribute('aria-rowcount')) === String(n), `a table of ${n} rows`);
    const fewRows = () => until(async () => (await table.getByRole('row').count()) < 100, 'no more rows than are seen');

    // Page by page, as the broker cuts them.
    await page.getByRole('link', { name: 'Clients', exact: true }).click();
    await page.getByText(`1–100 of ${written(count)}`, { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Next page' }).click();
    await page.getByText(`101–200 of ${written(count)}`, { exact: true }).waitFor();
    await page.shot('clients-crowd');
    assert.ok(asked.every((query) => query.get('limit') === '100'), 'no more is asked for than is shown');

    // One of them, by a part of its name: the search begins at the first page.
    await page.getByPlaceholder('Client id').fill(`i${count - 1}`);
    await page.getByText('1–1 of 1', { exact: true }).waitFor();
    await rows(2);
    await page.getByRole('link', { name: idle.name(count - 1), exact: true }).click();
    await page.getByRole('heading', { level: 1, name: idle.name(count - 1) }).waitFor();
    await page.getByRole('main').getByText('connected', { exact: true }).first().waitFor();
    await page.goBack();
    await page.getByText('1–1 of 1', { exact: true }).waitFor(); // the address has kept the search
    await page.getByPlaceholder('Client id').fill('');

    // All in one page: the document has those that are seen, wherever one is.
    await page.getByText(`1–100 of ${written(count)}`, { exact: true }).waitFor();
    await page.getByLabel('Rows', { exact: true }).selectOption('10,000');
    await page.getByText(`1–${written(count)} of ${written(count)}`, { exact: true }).waitFor();
    await rows(count + 1);
    await fewRows();
    const sort = page.getByRole('columnheader', { name: 'Client id' }).getByRole('button');
    await sort.click();
    await cell(0).waitFor();
    await sort.click();
    await cell(count - 1).waitFor();
    await table.locator('tbody tr').first().focus();
    await page.keyboard.press('End');
    await cell(0).waitFor();
    await fewRows();
    // The focus comes behind the row that it goes to.
    await until(() => page.evaluate((name) => [...document.activeElement.querySelectorAll('td')].some((one) => one.innerText.trim() === name), idle.name(0)), 'the focus on the last row');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: idle.name(0) }).waitFor();
    page.ends();
    await page.context().close();
    idle.stop();
    await crowded.stop();
  });

  test('an operator finds a client, looks at its session, and kicks it out', async () => {
    const { host, port } = broker.tcp;
    const client = await mqtt.connectAsync(`mqtt://${host}:${port}`, { clientId: 'press/7 left', protocolVersion: 5, reconnectPeriod: 0, ...ALICE });
    const page = await adminPage('/');
    await page.getByRole('link', { name: 'Clients', exact: true }).click();
    await page.getByPlaceholder('Client id').fill('press/7');
    await page.getByRole('link', { name: 'press/7 left' }).click();
    await page.getByRole('button', { name: 'Subscribe for it' }).click();
    await page.getByLabel('Topic filter').fill('press/#');
    await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
    await page.getByRole('table', { name: 'Subscriptions' }).getByText('press/#').waitFor();
    await page.getByRole('button', { name: 'Kick out' }).click();
    await page.checkAccess();
    const closed = new Promise((resolve) => client.once('close', resolve));
    await page.getByRole('dialog').getByRole('button', { name: 'Kick out' }).click();
    await closed;
    await page.getByText('press/7 left is kicked out.').waitFor();
    page.ends();
  });

  test('a message goes round through the client in the page', async () => {
    const page = await adminPage('/try');
    await page.getByLabel('User name').fill(ALICE.username);
    await page.getByLabel('Password').fill(`not ${ALICE.password}`);
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByRole('alert').getByText('refused').waitFor();
    await page.getByLabel('Password').fill(ALICE.password);
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByText('connected', { exact: true }).waitFor();
    await page.getByRole('textbox', { name: 'Topic filter' }).fill('try/#');
    await page.getByRole('button', { name: 'Subscribe' }).click();
    await page.getByRole('list', { name: 'Subscribed' }).getByText('try/#').waitFor();
    await page.getByRole('button', { name: 'Publish' }).click();
    await page.getByText('Published and acknowledged.').waitFor();
    await page.getByRole('list', { name: 'Received' }).getByText('try/it').waitFor();
    await page.getByText('"hello": "varve"').last().waitFor();
    await page.checkAccess();
    await page.shot('try');
    page.ends();
  });

  test('a key is created, shown once, and serves', async () => {
    const page = await adminPage('/keys');
    await page.getByRole('button', { name: 'New key' }).click();
    await page.getByLabel('Name').fill('dashboards');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'The key of dashboards' });
    await dialog.waitFor();
    const key = await dialog.locator('code').last().textContent();
    await page.shot('key-created', { themes: ['light'] });
    assert.equal((await new Api(broker, key).get('/clients')).status, 200);
    assert.equal((await new Api(broker, key).delete('/clients/x')).status, 403);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await page.getByRole('cell', { name: 'dashboards', exact: true }).waitFor();
    assert.equal(await page.getByText(key.split(':')[1]).count(), 0);
    page.ends();
  });

  test('a viewer sees everything, is offered nothing that changes it, and is out when the user is deleted', async () => {
    await api.post('/users', { username: 'vera', password: PASSWORD, role: 'viewer' });
    const page = await browser.page(broker, { user: 'vera', password: PASSWORD });
    await page.goto('/users');
    await page.getByRole('cell', { name: 'vera' }).waitFor();
    assert.equal(await page.getByRole('button', { name: /New user|Delete/ }).count(), 0);
    await page.goto('/keys');
    await page.getByRole('cell', { name: 'dashboards', exact: true }).waitFor();
    assert.ok(await page.getByRole('switch').isDisabled());
    page.ends();

    // The broker forgets the session: the page does, too.
    await api.delete('/users/vera');
    await page.getByRole('link', { name: 'Clients', exact: true }).click();
    await page.getByText('Your session has ended. Sign in again.').waitFor();
    await page.context().close();
  });
});
