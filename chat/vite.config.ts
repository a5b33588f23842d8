import { gzipSync } from 'fflate';
import { defineConfig, type Plugin } from 'vite';

const server = process.env['NEXO_URL'] ?? 'http://127.0.0.1:8080';

/** Writes each file gzipped too, as the server embeds it: by code of its own, so that each machine makes the same bytes. */
function gzipped(): Plugin {
  return {
    name: 'gzipped',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      for (const [fileName, file] of Object.entries(bundle)) {
        const text = file.type === 'chunk' ? file.code : file.source;
        const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
        this.emitFile({ type: 'asset', fileName: `${fileName}.gz`, source: gzipSync(bytes, { level: 9, mtime: 0 }) });
      }
    },
  };
}

export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: {
    alias: {
      'react/jsx-runtime': 'preact/jsx-runtime',
      'react-dom': 'preact/compat',
      react: 'preact/compat',
    },
  },
  plugins: [gzipped()],
  build: {
    target: ['chrome114', 'firefox125', 'safari17'],
    // Nothing inline: the server's policy would refuse it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      '^/(auth|user|group|msg|conversation)/': server,
      // As the page of the server itself would call.
      '/ws': { target: server, ws: true, changeOrigin: true, rewriteWsOrigin: true },
    },
  },
});
