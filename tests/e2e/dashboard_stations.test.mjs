// The pages of stations, walked through by mouse and keyboard: a station is made, fills, settles in the bucket, and comes back.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import { checkSyntax, runDuckdb, snippetsOf } from './lib/snippets.mjs';
import { StationApi, ndjson } from './lib/stations.mjs';
import { until } from './lib/wait.mjs';

const USER = { user: 'ann', password: 'sediment-2026' };
const VIEWER = { user: 'vic', password: 'sediment-2026' };
const tier = { enabled: true, upload_bytes: '64KiB', upload_interval: '1s' };
const numbered = (n, topic = 't/x') => Array.from({ length: n }, (_, i) => ({ topic, payload: JSON.stringify({ n: i }) }));

let broker, api, browser;
before(async () => {
  broker = await Broker.start();
  api = new StationApi(broker);
  for (const [{ user, password }, role] of [[USER, 'administrator'], [VIEWER, 'viewer']])
    await api.ok('POST', '/users', { username: user, password, role });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await broker?.stop();
});

const produce = (name, lines) => api.ok('POST', `/stations/${name}/messages`, ndjson(lines));
async function flush(name) {
  const { job } = await api.ok('POST', `/stations/${name}/tier/flush`);
  await until(async () => (await api.ok('GET', `/jobs/${job}`)).state === 'succeeded', `flush of ${name}`);
}

// A page at work, with what the browser complains of told at the end.
async function during(who, where, walk) {
  const page = await browser.page(broker, who);
  await page.goto(where);
  await walk(page);
  page.ends();
  await page.context().close();
}
// The whole page in a window that is high enough: a page that scrolls is not one picture.
async function shot(page, name) {
  const size = page.viewportSize();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const height = await page.evaluate('document.documentElement.scrollHeight');
  if (process.env.VARVE_SCREENSHOTS === '1') await page.setViewportSize({ ...size, height: Math.max(size.height, height) });
  await page.shot(name);
  if (process.env.VARVE_SCREENSHOTS === '1') await page.setViewportSize(size);
}

describe('data files over HTTP', () => {
  test('are told in order, and as few as asked for', async () => {
    await api.ok('POST', '/stations', { name: 'files', topics: [], retention: { messages: 10 }, tier: { ...tier, upload_interval: '1h' } });
    for (let i = 0; i < 3; i++) {
      await produce('files', numbered(100));
      await flush('files');
    }
    const { data, location, metadata } = await api.ok('GET', '/stations/files/tier/files');
    assert.deepEqual(data.map((one) => [one.first_offset, one.last_offset, one.messages, one.files, one.restored]), [
      [0, 89, 90, 1, 0], [90, 189, 100, 1, 0], [190, 289, 100, 1, 0],
    ]);
    for (const one of data) {
      assert.equal(fs.statSync(one.path).size, one.bytes);
      assert.ok(one.path.startsWith(`${location}/data/`), one.path);
      assert.ok(Date.parse(one.first_time) <= Date.parse(one.last_time));
    }
    assert.equal(JSON.parse(fs.readFileSync(metadata, 'utf8')).location, location);

    const few = (await api.ok('GET', '/stations/files/tier/files?limit=2')).data;
    assert.deepEqual(few.map((one) => [one.first_offset, one.last_offset, one.files, one.path]), [[0, 189, 2, null], [190, 289, 1, data[2].path]]);
    assert.equal(few[0].bytes, data[0].bytes + data[1].bytes);
    const range = async (query) => (await api.ok('GET', `/stations/files/tier/files?${query}`)).data.map((one) => one.first_offset);
    assert.deepEqual(await range('from=89&to=90'), [0]);
    assert.deepEqual(await range('from=90&to=191'), [90, 190]);
    assert.deepEqual(await range('from=90&to=90'), []);
    assert.deepEqual(await range('from=290'), []);
    assert.deepEqual(await range('to=0'), []);
  });

  test('are refused where there are none', async () => {
    await api.ok('POST', '/stations', { name: 'flat', topics: [] });
    assert.equal((await api.fails(409, 'GET', '/stations/flat/tier/files')).code, 'NO_TIER');
    await api.fails(404, 'GET', '/stations/none/tier/files');
    await api.fails(400, 'GET', '/stations/files/tier/files?limit=0');
    await api.fails(400, 'GET', '/stations/files/tier/files?limit=1001');
    const { data } = await api.ok('GET', '/stations?limit=100');
    assert.equal(data.find((one) => one.name === 'flat').state.tier, null);
    assert.deepEqual(data.find((one) => one.name === 'files').state.tier.messages, 290);
  });
});

describe('in a browser', () => {
  test('a station is made in three steps, fills, settles, is read over the border and restored', async () => {
    await during(USER, '/stations', async (page) => {
      await page.getByRole('link', { name: 'New station' }).first().click();
      await page.getByLabel('Name', { exact: true }).fill('Plant');
      await page.getByLabel('Topic filters').fill('plant/#/x');
      await page.getByRole('button', { name: 'Add filter' }).click();
      await page.getByText('# stands alone at the end').waitFor();
      await page.getByLabel('Topic filters').fill('plant/#');
      await page.getByRole('button', { name: 'Add filter' }).click();
      await page.getByLabel('Try a topic').fill('plant/press/1');
      await page.locator('.preview [aria-live]').getByText('captured').waitFor();
      await page.checkAccess();
      await shot(page, 'station-new-capture');
      await page.getByRole('button', { name: 'Next' }).click();
      await page.getByLabel('Messages', { exact: true }).fill('100');
      await page.getByRole('button', { name: 'Next' }).click();
      await page.getByRole('switch', { name: 'Keep what is expelled in a bucket' }).click();
      await page.getByRole('radio', { name: /local/ }).check();
      await page.getByText('When it is uploaded').click();
      await page.getByLabel('Upload at').fill('1KiB');
      await page.getByLabel('or after').fill('1h'); // so that each flush makes one file, however long a hundred messages take
      await page.getByRole('button', { name: 'Create station' }).click();
      await page.getByText('At least 64KiB.').waitFor();
      await page.getByLabel('Upload at').fill('64KiB');
      await page.checkAccess();
      await shot(page, 'station-new-tier');
      await page.getByRole('button', { name: 'Create station' }).click();
      await page.getByRole('heading', { name: 'plant', exact: true }).waitFor();
      await page.getByText('Nothing has settled yet').waitFor();
      await page.checkAccess();

      // It fills, and what retention expels crosses over.
      const client = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
      for (let round = 0; round < 3; round++) {
        const sent = Array.from({ length: 100 }, (_, i) => {
          const n = round * 100 + i;
          return client.publishAsync(`plant/${n % 2 ? 'press' : 'kiln'}/${n % 5}`, JSON.stringify({ n, temperature: 180 + (n % 40) }), { qos: 1 });
        });
        await Promise.all(sent);
        await flush('plant');
      }
      await client.endAsync();
      const picture = page.getByRole('group', { name: 'Layers of station plant' });
      const ground = picture.getByRole('button', { name: /^Data file, offsets 0 to 99, 100 messages/ });
      await ground.waitFor();
      await picture.getByRole('button', { name: /^On disk, offsets 200 to 299, 100 messages/ }).focus();
      await page.keyboard.press('End');
      await until(() => ground.evaluate((node) => node === document.activeElement), 'the focus on the ground');
      await page.getByRole('heading', { name: 'Data file' }).waitFor();
      assert.match(await page.locator('.facts-of').innerText(), /Rows\s+100[\s\S]*\.parquet/);
      await page.getByRole('button', { name: 'By messages' }).click();
      await page.checkAccess();
      await shot(page, 'station-layers');
      await page.setViewportSize(NARROW);
      await page.fits();
      await shot(page, 'station-layers-narrow');
      await page.setViewportSize(WIDE);

      // Messages on both sides of the border.
      await page.getByRole('tab', { name: 'Messages' }).click();
      await page.getByLabel('Begin at').selectOption('offset');
      await page.getByLabel('Offset', { exact: true }).fill('180');
      await page.getByRole('button', { name: 'Show' }).click();
      await page.getByLabel('Border of the tiers').waitFor();
      const line = (offset) => page.locator('.messages .line', { has: page.locator('.offset', { hasText: new RegExp(`^${offset}$`) }) });
      await line(199).getByText('bucket', { exact: true }).waitFor();
      await line(200).getByText('disk', { exact: true }).waitFor();
      await line(199).click();
      await page.getByRole('button', { name: 'Hex' }).click();
      await page.getByText('7b 22 6e 22').waitFor();
      await page.checkAccess();
      await page.shot('station-messages');
      await page.getByRole('button', { name: 'Newer' }).click();
      await line(230).waitFor();
      await page.getByRole('button', { name: 'Older' }).click();
      await line(180).waitFor();
      await page.getByRole('button', { name: 'Older' }).click();
      await line(130).waitFor();
      await page.getByLabel('Topic filter').fill('plant/press/1');
      await page.getByLabel('Begin at').selectOption('last');
      await page.getByRole('button', { name: 'Show' }).click();
      await line(291).waitFor();
      await until(async () => (await page.locator('.messages .line').count()) === 30, 'of 300 every tenth');

      // Back from the bucket: a range of the picture, into a station of its own, and to the disk.
      await page.getByRole('link', { name: 'Restore' }).click();
      const box = await page.getByRole('group', { name: 'Layers of station plant' }).locator('.catch').boundingBox();
      await page.mouse.click(box.x + 80, box.y + box.height - 6);
      await until(async () => (await page.getByLabel('Last offset', { exact: true }).inputValue()) === '99', 'the ground to be chosen');
      await page.getByRole('slider', { name: 'End of the range' }).focus();
      await page.keyboard.press('ArrowUp');
      await until(async () => (await page.getByLabel('Last offset', { exact: true }).inputValue()) === '199', 'the second file to be chosen, too');
      await page.getByLabel('Last offset', { exact: true }).fill('149');
      await page.getByRole('button', { name: 'Look first' }).click();
      await page.getByText('in 2 data files').waitFor();
      await page.getByRole('radio', { name: /Into a new station/ }).check();
      await page.getByLabel('Name of the new station').fill('plant-back');
      await page.checkAccess();
      await shot(page, 'station-restore');
      await page.getByRole('button', { name: 'Restore', exact: true }).click();
      await page.getByText('150 messages are back in plant-back').waitFor();
      const strip = ({ offset, topic, payload, timestamp }) => ({ offset, topic, payload, timestamp });
      const original = await api.lines('/stations/plant/messages?from=earliest&limit=150');
      assert.deepEqual((await api.lines('/stations/plant-back/messages?from=earliest')).map(strip), original.map(strip));

      await page.getByRole('radio', { name: /To this machine/ }).check();
      await page.getByRole('button', { name: 'Restore', exact: true }).click();
      await page.getByText('200 messages are back').waitFor();
      const files = (await api.ok('GET', '/stations/plant/tier/files')).data;
      assert.deepEqual(files.map((one) => one.restored), [1, 1]);
      await page.goto('/stations/plant?tab=settings');
      await page.getByRole('button', { name: 'Scrub' }).click();
      await page.getByText('nothing is wrong').waitFor();
      await page.getByRole('button', { name: 'Release' }).click();
      await page.getByText('of local disk are free again').waitFor();
      await page.checkAccess();
      await shot(page, 'station-settings');
    });
  });

  test('what waits settles when its time has come, and the lag is gone', async () => {
    await api.ok('POST', '/stations', { name: 'patient', topics: [], retention: { messages: 10 }, tier: { ...tier, upload_interval: '1h' } });
    await produce('patient', numbered(100));
    await during(USER, '/stations/patient', async (page) => {
      const figure = (label) => page.locator('.stat', { has: page.getByText(label, { exact: true }) }).locator('.value');
      const shows = (label, text) => figure(label).and(page.getByText(text, { exact: true })).waitFor();
      await shows('Waits for the bucket', '90');
      await shows('In the bucket', '0');
      await page.getByRole('link', { name: 'Edit', exact: true }).click();
      await page.getByText('When it is uploaded').click();
      await page.getByLabel('or after', { exact: true }).fill('1s');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await shows('In the bucket', '90');
      await shows('Waits for the bucket', '0');
      await produce('patient', numbered(50));
      await shows('In the bucket', '140');
      await shows('Waits for the bucket', '0');
    });
  });

  test('groups are reset, and dead letters sent again', async () => {
    await api.ok('POST', '/stations', { name: 'orders', topics: ['orders/#'], ack_wait: '100ms', max_deliveries: 1 });
    await produce('orders', [...numbered(2, 'orders/new'), { topic: 'orders/new', payload_base64: '/wA=', headers: { kind: 'binary' } }]);
    await api.ok('POST', '/stations/orders/groups/shipping/fetch', { start: 'earliest', batch: 3 });
    await until(async () => (await api.call('GET', '/stations/orders.dead/messages')).text.split('\n').length > 3, 'three dead letters');

    await during(USER, '/stations/orders?tab=groups', async (page) => {
      await page.getByRole('cell', { name: 'shipping', exact: true }).waitFor();
      await page.checkAccess();
      await page.shot('station-groups');
      await page.getByRole('button', { name: 'Reset shipping' }).click();
      await page.getByLabel('Begin at').selectOption('offset');
      await page.getByLabel('Offset', { exact: true }).fill('1');
      await page.getByRole('button', { name: 'Reset', exact: true }).click();
      await page.getByText('Group shipping begins anew').waitFor();
      const group = await api.ok('GET', '/stations/orders/groups/shipping');
      assert.equal(group.acked_offset, 1);
      await page.getByRole('button', { name: 'Delete shipping' }).click();
      await page.getByRole('button', { name: 'Delete', exact: true }).click();
      await page.getByText('No group reads this station').waitFor();
      await api.fails(404, 'GET', '/stations/orders/groups/shipping');

      await page.getByRole('tab', { name: 'Dead letters' }).click();
      await page.getByText('never acknowledged').first().waitFor();
      await page.checkAccess();
      await page.shot('station-dead-letters');
      await page.getByRole('checkbox', { name: 'Choose dead letter 0' }).check();
      await page.getByRole('button', { name: 'Send again (1)' }).click();
      await page.getByText('sent again', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Send 2 again' }).click();
      await until(async () => (await page.getByText('sent again', { exact: true }).count()) === 2, 'two that are sent');
      const again = (await api.lines('/stations/orders/messages?from=offset:3')).map(({ topic, payload, payload_base64, headers }) => ({ topic, payload, payload_base64, headers }));
      assert.deepEqual(again, [
        { topic: 'orders/new', payload: '{"n":0}', payload_base64: undefined, headers: undefined },
        { topic: 'orders/new', payload: undefined, payload_base64: '/wA=', headers: { kind: 'binary' } },
      ]);
    });
  });

  test('a table is read elsewhere, outlives its station, and gives it back', async () => {
    await during(USER, '/stations/files?tab=elsewhere', async (page) => {
      await page.getByLabel('DuckDB snippet', { exact: true }).waitFor();
      const snippets = await snippetsOf(page);
      await checkSyntax(snippets);
      const { data: files, metadata } = await api.ok('GET', '/stations/files/tier/files');
      assert.ok(snippets.python.includes(`"file://${metadata}"`), snippets.python);
      const rows = await runDuckdb(snippets.duckdb, (named) => {
        assert.equal(named, metadata);
        return files.map((one) => one.path);
      });
      assert.deepEqual(rows.map((row) => [row.offset, row.topic, row.payload]), Array.from({ length: 10 }, (_, i) => [String(289 - i), 't/x', `{"n":${89 - i}}`]));
      await page.checkAccess();
      await page.shot('station-elsewhere');

      await page.getByRole('tab', { name: 'Settings' }).click();
      await page.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByText("Type the station's name").waitFor();
      await page.checkAccess();
      await page.getByLabel('Type files to confirm').fill('files');
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('heading', { name: 'Stations' }).waitFor();
      await api.fails(404, 'GET', '/stations/files');
      assert.ok(fs.existsSync(metadata), 'a table that is kept');

      await page.getByRole('link', { name: 'Recover from a bucket' }).click();
      await page.getByRole('button', { name: 'Look for tables' }).click();
      await page.getByRole('checkbox', { name: /^files/ }).waitFor();
      assert.equal(await page.getByRole('checkbox', { name: /^plant/ }).count(), 0, 'what is here is not recovered');
      await page.checkAccess();
      await page.shot('stations-recover');
      await page.getByRole('button', { name: 'Recover one station' }).click();
      await page.getByText('Here again').waitFor();
      assert.equal((await api.ok('GET', '/stations/files')).state.messages, 290);
    });
  });

  test('settings are changed, and a wrong one is told at its field', async () => {
    await during(USER, '/stations/flat/edit', async (page) => {
      await page.getByLabel('Age', { exact: true }).fill('soon');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('A duration such as').waitFor();
      await page.getByLabel('Age', { exact: true }).fill('1h');
      await page.getByLabel('Description').fill('what is kept for an hour');
      await page.checkAccess();
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('what is kept for an hour').waitFor();
      assert.equal((await api.ok('GET', '/stations/flat')).retention.age, '1h');
      await page.getByText('This station has no second tier').waitFor();
    });
  });

  test('viewers look and change nothing; the list has its filters, and small windows are enough', async () => {
    await during(VIEWER, '/stations', async (page) => {
      await page.getByRole('link', { name: 'plant', exact: true }).waitFor();
      await page.checkAccess();
      await page.shot('stations');
      await page.getByLabel('Show').selectOption('tier');
      await page.getByRole('link', { name: 'flat' }).waitFor({ state: 'detached' });
      await page.getByRole('link', { name: 'plant', exact: true }).waitFor();
      assert.equal(await page.getByRole('link', { name: 'New station' }).count(), 0);
      await page.setViewportSize(NARROW);
      await page.fits();
      await page.shot('stations-narrow');
      for (const tab of ['layers', 'messages', 'groups', 'dead', 'elsewhere', 'settings']) {
        await page.goto(`/stations/plant?tab=${tab}`);
        await page.getByRole('tabpanel').first().waitFor();
        await page.fits();
      }
      assert.equal(await page.getByRole('button', { name: /Purge|Delete/ }).count(), 0);
      await page.goto('/stations/nowhere');
      await page.getByText('There is no station nowhere').waitFor();
      await page.checkAccess();
    });
  });
});
