// A real S3 server for tests: a Ceph gateway of their own, with a store in memory (tests/s3/rgw-up.sh), or OpenStack Swift with its
// s3api (tests/s3/swift-up.sh). Takes some seconds to start.
//
//   const s3 = await S3Server.start();                                        or start('swift')
//   s3.endpoint, s3.tls_endpoint, s3.ca, s3.access_key, s3.secret_key, …      as in the file env of the server
//   await s3.createBucket('telemetry');                                       it has `varve-test` already
//   s3.hang(); s3.resume();                                                   a Ceph gateway neither answers nor refuses
//   await s3.stop();

import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { temporaryDirectory } from './temporary.mjs';

const run = promisify(execFile);
const script = (name) => fileURLToPath(new URL(`../../s3/${name}`, import.meta.url));

export class S3Server {
  static async start(kind = 'ceph') {
    const server = new S3Server();
    server.kind = kind;
    server.dir = path.join(temporaryDirectory(), kind);
    await run(script(kind === 'swift' ? 'swift-up.sh' : 'rgw-up.sh'), [server.dir]);
    for (const line of fs.readFileSync(path.join(server.dir, 'env'), 'utf8').split('\n')) {
      const [name, ...value] = line.split('=');
      if (name) server[name] = value.join('=');
    }
    return server;
  }

  // What a connector says of it, with the right keys.
  get connector() {
    return { type: 's3', endpoint: this.endpoint, access_key_id: this.access_key, secret_access_key: this.secret_key };
  }

  async createBucket(name) {
    await run('curl', [
      '--silent', '--fail', '--max-time', '20', '--aws-sigv4', 'aws:amz:us-east-1:s3', '--user', `${this.access_key}:${this.secret_key}`,
      '--header', 'x-amz-content-sha256: UNSIGNED-PAYLOAD', '--request', 'PUT', `${this.endpoint}/${name}`,
    ]);
  }

  signal(name) {
    process.kill(Number(fs.readFileSync(path.join(this.dir, 'run/client.rgw.pid'), 'utf8')), name);
  }
  hang() {
    this.signal('SIGSTOP');
  }
  resume() {
    this.signal('SIGCONT');
  }

  stop() {
    return run(script(this.kind === 'swift' ? 'swift-down.sh' : 'rgw-down.sh'), [this.dir]);
  }
}
