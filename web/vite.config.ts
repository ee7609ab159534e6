import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

import { pack } from './scripts/pack';

const top = fileURLToPath(new URL('..', import.meta.url));

// The broker serves what is built; `npm run dev` serves the sources and passes requests on to a broker that runs.
export default defineConfig({
  plugins: [svelte(), pack(`${top}build/web/files`)],
  build: {
    outDir: `${top}build/web/dist`,
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 800,
    assetsInlineLimit: 0,
  },
  server: {
    proxy: { '/api': process.env.VARVE_URL ?? 'http://127.0.0.1:18083' },
  },
  // Patient: a machine that does much else at once is no mistake.
  test: { include: ['src/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 },
});
