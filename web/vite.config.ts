import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

// Assets are named relative to index.html, whose <base> the server sets: on AWS the API has a stage in its path.
// The server that the console of `npm run dev` and `npx vite preview` talks to.
const server = process.env.FLOWGATE_URL ?? 'http://127.0.0.1:8080';
const proxy = { '/v1': server, '/health': server, '/openapi.json': server };

/** What `src/main.ts` is made of: all that a page loads before it asks for the rest. */
const FIRST = /web\/src\/(api\/(early|session|storage|listeners)|app\/(preload|theme|base))\.ts|vite\/preload-helper/;
const SHARED = /web\/src\/(ui|api|app)\/|lucide-react|node_modules\/@tanstack\/(react-)?query/;

/** Names in index.html what `src/main.ts` loads in any case, so that it comes beside it, not after it. */
const besideFirst = (): Plugin => ({
  name: 'beside-first',
  transformIndexHtml: {
    order: 'post',
    handler(html, { bundle, path }) {
      const chunks = Object.values(bundle ?? {}).filter((file) => file.type === 'chunk');
      const start = chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith('/src/app/start.tsx'));
      if (!start || path !== '/index.html') return;
      const loaded = new Set([start]);
      for (const { imports } of loaded) {
        for (const chunk of chunks) if (imports.includes(chunk.fileName)) loaded.add(chunk);
      }
      const styles = new Set([...loaded].flatMap(({ viteMetadata }) => [...(viteMetadata?.importedCss ?? [])]));
      const link = (rel: string, file: string) => ({
        tag: 'link',
        attrs: { rel, crossorigin: true, href: `./${file}` },
        injectTo: 'head' as const,
      });
      const scripts = [...loaded].filter(({ fileName }) => !html.includes(fileName));
      return [
        ...scripts.map(({ fileName }) => link('modulepreload', fileName)),
        ...[...styles].map((file) => link('stylesheet', file)),
      ];
    },
  },
});

export default defineConfig({
  base: './',
  plugins: [react(), besideFirst()],
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
          groups: [
            { name: 'first', test: FIRST, priority: 1 },
            { name: 'shared', test: SHARED, minShareCount: 2 },
          ],
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
