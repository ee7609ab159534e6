// `sleep` in a block of the documentation is the moment that a reader takes. On a busy machine that may be too short for what it is
// meant for: here it lasts as long as it says, and then until that has happened.
//
//   makeSleep(bin)                                  a program `sleep` in this directory, for the PATH of a shell
//   await subscribers(broker, commands)             what goes into the shell's SLEEP_UNTIL: every `varve sub … &` of the block has subscribed

import fs from 'node:fs';
import path from 'node:path';

import { Api } from './http.mjs';

export function makeSleep(bin) {
  const script = '#!/bin/bash\n/bin/sleep "$@"\n[ -z "$SLEEP_UNTIL" ] || until eval "$SLEEP_UNTIL"; do /bin/sleep 0.1; done\n';
  fs.writeFileSync(path.join(bin, 'sleep'), script, { mode: 0o755 });
}

export async function subscribers(broker, commands) {
  const begun = (commands.match(/^varve sub .*&$/gm) ?? []).length;
  if (begun === 0) return '';
  const api = new Api(broker);
  const { count } = (await api.get('/subscriptions?limit=1')).body.meta; // of sessions that outlive their connections
  const asked = `/usr/bin/curl --silent --user '${api.key}' '${api.url('/subscriptions?limit=1')}'`;
  return `[ "$(${asked} | sed -n 's/.*"count": *\\([0-9]*\\).*/\\1/p')" -ge ${count + begun} ]`;
}
