import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// Assets are named relative to index.html, whose <base> the server sets: on AWS the API has a stage in its path.
// The server that the console of `npm run dev` and `npx vite preview` talks to.
const server = process.env.FLOWGATE_URL ?? 'http://127.0.0.1:8080';
const proxy = { '/v1': server, '/health': server, '/openapi.json': server };

const SHARED = /web\/src\/(ui|api|app)\/|lucide-react|node_modules\/@tanstack\/(react-)?query/;

export default defineConfig({
  base: './',
  plugins: [react()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: true,
    rolldownOptions: {
      // The console, and the reference of the API.
      input: ['index.html', 'docs.html'],
      output: {
        codeSplitting: {
          // Else each control and icon that two screens share is a file, and a screen waits for forty of them.
          groups: [{ name: 'shared', test: SHARED, minShareCount: 3 }],
        },
      },
    },
    reportCompressedSize: false,
  },
  // The examples that a workflow can start from lie beside this folder.
  server: { proxy, fs: { allow: ['..'] } },
  preview: { proxy },
  test: { include: ['src/**/*.test.{ts,tsx}'] },
});
