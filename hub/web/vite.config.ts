import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  base: '/',
  plugins: [react()],
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
