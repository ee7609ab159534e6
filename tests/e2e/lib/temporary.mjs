// Directories that are gone when the test file has run, however it ends.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const made = [];
process.on('exit', () => {
  for (const dir of made) fs.rmSync(dir, { recursive: true, force: true });
});

export function temporaryDirectory() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'varve-e2e-'));
  made.push(dir);
  return dir;
}
