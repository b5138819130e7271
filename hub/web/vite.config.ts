import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** Its footer would fetch a logo from the internet. */
const FOREIGN_LOGO = 'https://cdn.redoc.ly/redoc/logo-mini.svg';

/** ReDoc's program, which the hub serves at /redoc, goes beside the app as it is. */
const redoc: Plugin = {
  name: 'redoc',
  generateBundle() {
    const file = createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js');
    const source = readFileSync(file, 'utf8').replaceAll(FOREIGN_LOGO, '/favicon.svg');
    this.emitFile({ type: 'asset', fileName: 'redoc.standalone.js', source });
  },
};

export default defineConfig({
  base: '/',
  plugins: [react(), redoc],
  build: {
    target: 'es2023',
    // The hub's content security policy has no data: for fonts and scripts; every asset stays a file of its own.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        // Libraries change seldom: kept apart, a browser does not fetch them again with each release.
        codeSplitting: {
          groups: [
            { name: 'react', test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ },
            { name: 'libraries', test: /node_modules/ },
          ],
        },
      },
    },
  },
  server: {
    proxy: { '/api': { target: 'http://127.0.0.1:8080', ws: true } },
  },
});
