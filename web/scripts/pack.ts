// Compresses what Vite has built, for the broker's build (cmake/dashboard.cmake): <path>.gz and <path>.size of each file.

import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

function* walk(folder: string): Generator<string> {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(full);
    else yield full;
  }
}

export function pack(to: string): Plugin {
  let from = '';
  return {
    name: 'pack',
    apply: 'build',
    configResolved(config) {
      from = config.build.outDir;
    },
    closeBundle() {
      const fresh = `${to}.new`;
      fs.rmSync(fresh, { recursive: true, force: true });
      for (const file of walk(from)) {
        const bytes = fs.readFileSync(file);
        const out = path.join(fresh, path.relative(from, file));
        fs.mkdirSync(path.dirname(out), { recursive: true });
        fs.writeFileSync(`${out}.gz`, gzipSync(bytes, { level: 9 }));
        fs.writeFileSync(`${out}.size`, `${bytes.length}\n`);
      }
      fs.rmSync(to, { recursive: true, force: true });
      fs.renameSync(fresh, to);
    },
  };
}
