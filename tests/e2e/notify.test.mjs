// What `varve serve` tells the service manager that started it, heard at a socket as systemd listens on; and the health check that
// others ask.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

import { Broker } from './lib/broker.mjs';
import { RawClient } from './lib/raw.mjs';
import { temporaryDirectory } from './lib/temporary.mjs';
import { delay, until } from './lib/wait.mjs';

// Node has no datagrams of Unix sockets. Each message becomes a line of JSON.
const LISTENER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print(json.dumps("bound"), flush=True)
while True:
    print(json.dumps(s.recv(4096).decode()), flush=True)
`;

// One message of our own: what was sent before it is in front of it.
const SENDER = `
import socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(sys.argv[2].encode(), sys.argv[1])
`;

class Manager {
  static async during(t) {
    const manager = new Manager();
    manager.dir = temporaryDirectory();
    manager.socket = path.join(manager.dir, 'notify');
    const child = spawn('python3', ['-c', LISTENER, manager.socket], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => {
      child.kill('SIGKILL');
      fs.rmSync(manager.dir, { recursive: true, force: true });
    });
    manager.text = '';
    child.stdout.on('data', (text) => (manager.text += text));
    await until(() => manager.all.includes('bound'), 'the listener');
    return manager;
  }

  get all() {
    return this.text.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  }
  count(message) {
    return this.all.filter((one) => one === message).length;
  }
  heard(pattern, what) {
    return until(() => this.all.some((one) => pattern.test(one)), what);
  }
  // Everything that has been sent so far, without the marks that tell.
  async settled() {
    const mark = `mark ${(this.marks = (this.marks ?? 0) + 1)}`;
    await promisify(execFile)('python3', ['-c', SENDER, this.socket, mark]);
    await until(() => this.all.includes(mark), 'a message of our own');
    return this.all.slice(0, this.all.indexOf(mark)).filter((one) => !one.startsWith('mark '));
  }
}

const health = async (broker) => {
  const { host, port } = broker.listener('http');
  return (await fetch(`http://${host}:${port}/healthz`)).status;
};

describe('a service manager', () => {
  test('hears of start, reload, life and end, and keeps the first password out of its journal', async (t) => {
    const manager = await Manager.during(t);
    const env = { NOTIFY_SOCKET: manager.socket, WATCHDOG_USEC: '400000' };
    const broker = await Broker.during(t, {}, { env });
    await manager.heard(/^READY=1\nSTATUS=ready: tcp\.default 127\.0\.0\.1:\d+, .*http 127/, 'READY=1');
    await until(() => manager.count('WATCHDOG=1') >= 3, 'three signs of life');
    broker.reload({ log: { level: 'debug' } });
    await manager.heard(/^RELOADING=1\nMONOTONIC_USEC=\d+$/, 'RELOADING=1');
    await until(() => manager.all.filter((one) => one.startsWith('READY=1')).length === 2, 'READY=1 again');
    const file = path.join(broker.dir, 'data/admin.password');
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    assert.ok(!broker.stdout.includes(fs.readFileSync(file, 'utf8').trim()), 'the password is printed');
    await broker.stop();
    assert.equal((await manager.settled()).at(-1), 'STOPPING=1');
  });

  test('hears no sign of life any more once one reactor hangs, and the health check fails', async (t) => {
    const manager = await Manager.during(t);
    const env = { NOTIFY_SOCKET: manager.socket, WATCHDOG_USEC: '400000', VARVE_FAULT: 'net.accepted:2:hang' };
    const broker = await Broker.during(t, { reactors: 3 }, { env });
    await RawClient.connect(broker.tcp);
    await until(() => manager.count('WATCHDOG=1') >= 3, 'three signs of life');
    await until(async () => (await health(broker)) === 200, 'the health check to succeed');
    RawClient.connect(broker.tcp).catch(() => {}); // nobody answers it
    await until(async () => (await health(broker)) === 503, 'the health check to fail');
    await until(() => broker.stderr.includes('reactors do not turn'), 'a line of the log');
    // In a second there were ten of them. A machine that holds the broker up may have let it complain before it hangs: then once more.
    await until(async () => {
      const before = await manager.settled();
      await delay(1000);
      return (await manager.settled()).length === before.length;
    }, 'a second without a sign of life');
    assert.equal(await health(broker), 503);
    await broker.kill();
  });
});
