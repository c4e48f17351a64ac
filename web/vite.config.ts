import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** The server that development runs against. */
const server = process.env.FLOWGATE_URL ?? 'http://127.0.0.1:8080';

// Assets are named relative to index.html, whose <base> the server sets: on AWS the API has a stage in its path.
export default defineConfig({
  base: './',
  plugins: [react()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: true,
    reportCompressedSize: false,
  },
  server: {
    proxy: { '/v1': server, '/health': server, '/openapi.json': server },
  },
  test: { include: ['src/**/*.test.{ts,tsx}'] },
});
