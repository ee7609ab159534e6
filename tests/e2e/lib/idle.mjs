// Thousands of connections that do nothing, held by `varve bench mqtt --idle`, a process of its own: the broker and this one each need a
// descriptor for a connection, and raise their soft limit to the hard one themselves.
//
//   const idle = await IdleClients.start(broker, 10_000);      when it is back, all of them are connected
//   idle.count                                                 fewer, where the hard limit of open files allows no more
//   idle.name(7)                                               the client id of the eighth
//   idle.stop();

import { spawn } from 'node:child_process';
import fs from 'node:fs';

import { VARVE_BIN } from './broker.mjs';
import { Api } from './http.mjs';
import { until } from './wait.mjs';

const SPARE_FILES = 1000; // for all but the connections
const HELD_S = 3600;

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class IdleClients {
  static async start(broker, wanted) {
    const idle = new IdleClients();
    const limit = /Max open files\s+\S+\s+(\S+)/.exec(fs.readFileSync('/proc/self/limits', 'utf8'))[1];
    idle.count = limit === 'unlimited' ? wanted : Math.min(wanted, Number(limit) - SPARE_FILES);
    const args = ['bench', 'mqtt', '--idle', idle.count, '--duration', HELD_S, '--port', broker.tcp.port, '--client-prefix', 'sensor'];
    idle.child = spawn(VARVE_BIN, args.map(String), { stdio: ['ignore', 'ignore', 'pipe'] });
    running.add(idle.child);
    let told = '';
    let gone = false;
    idle.child.stderr.on('data', (text) => (told += text));
    idle.child.on('close', () => {
      gone = true;
      running.delete(idle.child);
    });
    const api = new Api(broker);
    await until(async () => {
      if (gone) throw new Error(`the generator has ended: ${told}`);
      return (await api.get('/monitor_current')).body.connections >= idle.count;
    }, `${idle.count} connections`, { timeout_ms: 120_000, step_ms: 50 });
    const { body } = await api.get('/clients?limit=1&like_clientid=sensor');
    idle.prefix = body.data[0].clientid.replace(/\d+$/, '');
    return idle;
  }

  name(i) {
    return `${this.prefix}${i}`;
  }
  stop() {
    this.child.kill('SIGKILL');
  }
}
