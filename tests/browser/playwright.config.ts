/** How the tests are run: by Debian's Chromium, two at a time, each with a server of its own. */

import { defineConfig } from '@playwright/test';

const target = process.env['NEXO_BROWSER_TARGET'] ?? '../../target/browser';

export default defineConfig({
  testDir: '.',
  outputDir: `${target}/results`,
  reporter: [['list']],
  fullyParallel: true,
  workers: 2,
  forbidOnly: true,
  // A test that passes only at the second try is broken.
  retries: 0,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  use: {
    locale: 'en-GB',
    colorScheme: 'light',
    viewport: { width: 1280, height: 800 },
    actionTimeout: 20_000,
    navigationTimeout: 20_000,
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env['NEXO_CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        // Nothing is asked of anybody but the servers of the tests.
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        // A page by a name is not secure, as that of a server in the next room is not.
        '--host-resolver-rules=MAP *.test 127.0.0.1',
      ],
    },
  },
  projects: [
    { name: 'tests', testMatch: ['client/*.spec.ts', 'chat/*.spec.ts'] },
    // A trace is work of the page too: a copy of all its elements at each step.
    { name: 'figures', testMatch: 'figures/figures.spec.ts', timeout: 600_000, fullyParallel: false, use: { trace: 'off', screenshot: 'off' } },
    { name: 'pictures', testMatch: 'pictures/*.spec.ts', timeout: 300_000 },
  ],
});
