/** What every test has: a server of its own, pages that are watched, and nothing left behind. */

import { type BrowserContext, type BrowserContextOptions, expect, type Page, test as base } from '@playwright/test';
import { Server } from '../../../sdk/typescript/test/support/server.js';
import { Pages } from './pages.js';
import { Watch } from './watch.js';

export { expect, type Page };

interface Given {
  /** Of the server, as environment variables without `NEXO__`. */
  settings: Record<string, string>;
  /** A web server of another origin, which `server` admits. */
  pages: Pages;
  server: Server;
  /** What all pages of the test complain of; in the end it must be what was expected. */
  watch: Watch;
  /** Opens a page in a browser context of its own: another person, or another device. */
  open: (options?: BrowserContextOptions) => Promise<Page>;
}

export const test = base.extend<Given>({
  settings: [{}, { option: true }],

  pages: async ({}, use) => {
    const pages = await Pages.start();
    await use(pages);
    await pages.close();
  },

  server: async ({ settings, pages }, use) => {
    const server = await Server.start({ SERVER__ORIGINS: pages.origin, ...settings });
    await use(server);
    await server.remove();
  },

  watch: [
    async ({}, use) => {
      const watch = new Watch();
      await use(watch);
      expect(watch.complaints(), 'errors in a console, thrown errors, and what a policy stopped').toEqual([]);
    },
    { auto: true },
  ],

  // It names the server, so that pages are gone before it is.
  open: async ({ browser, contextOptions, server: _, watch }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (options = {}) => {
      const context = await browser.newContext({ ...contextOptions, ...options });
      contexts.push(context);
      await watch.on(context);
      return await context.newPage();
    });
    for (const context of contexts) await context.close();
  },
});
