/** The client library in a page of another origin: what a test lets it do, and what it told the page. */

import type { Page } from '@playwright/test';
import type * as Nexo from '../../../sdk/typescript/src/index.js';
import { PASSWORD } from '../../../sdk/typescript/test/support/rest.js';

/** What the page has; see `pages.ts`. */
interface Window {
  nexo: typeof Nexo;
  client: Nexo.NexoClient;
  told: { texts: string[]; ended: string[] };
}

declare const window: Window;

/** A user of the library in a page. */
export class Lab {
  readonly page: Page;
  readonly #url: string;

  private constructor(page: Page, url: string) {
    this.page = page;
    this.#url = url;
  }

  /** Opens the page at `origin` for the server at `url`. */
  static async open(page: Page, origin: string, url: string): Promise<Lab> {
    await page.goto(origin);
    const lab = new Lab(page, url);
    await lab.#begin();
    return lab;
  }

  /** Loads the page anew. What is only in memory is gone. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.#begin();
  }

  /** Logs in, connects, and waits until nothing is missing. */
  async login(user_id: string): Promise<void> {
    await this.page.evaluate(
      async ([user_id, password]) => {
        await window.client.login({ user_id, password, platform_id: 5 });
        window.client.connect();
        if (!window.client.isSynced) await window.client.next('synced');
      },
      [user_id, PASSWORD] as const,
    );
  }

  /** Takes up the login of before the reload, and connects. */
  async resume(): Promise<boolean> {
    return await this.page.evaluate(async () => {
      const known = await window.client.resume();
      if (known) window.client.connect();
      return known;
    });
  }

  /** Sends a text, and waits until it outlives a reload. */
  async keep(recv_id: string, text: string): Promise<void> {
    await this.page.evaluate(([to, text]) => window.client.sendText({ recv_id: to }, text).kept, [recv_id, text] as const);
  }

  /** Sends a text, and waits until it is stored. */
  async send(recv_id: string, text: string): Promise<number> {
    return await this.page.evaluate(
      async ([to, text]) => (await window.client.sendText({ recv_id: to }, text).stored).seq,
      [recv_id, text] as const,
    );
  }

  /** The texts that the client told of since the page was loaded. */
  texts = (): Promise<string[]> => this.page.evaluate(() => window.told.texts);

  /** The texts that wait to be sent. */
  waiting = (): Promise<string[]> => this.page.evaluate(() => window.client.outgoing().map(({ send }) => send.content.text ?? ''));

  /** Why the login ended, if it did. */
  ended = (): Promise<string[]> => this.page.evaluate(() => window.told.ended);

  state = (): Promise<string> => this.page.evaluate(() => window.client.state);

  unread = (): Promise<number[]> =>
    this.page.evaluate(() => window.client.conversations().map(({ unread_count }) => unread_count));

  /** Something that only the page can do, with its client. */
  async run<R>(work: (client: Nexo.NexoClient) => Promise<R>): Promise<R> {
    return await this.page.evaluate(`(${work.toString()})(window.client)`);
  }

  async #begin(): Promise<void> {
    await this.page.waitForFunction(() => 'nexo' in window);
    await this.page.evaluate((url) => {
      const told: Window['told'] = { texts: [], ended: [] };
      const client = new window.nexo.NexoClient({
        url,
        store: new window.nexo.IndexedDbStore('lab'),
        backoff: { firstMs: 50, longestMs: 500 },
      });
      client.on('message', ({ content }) => told.texts.push(content.text ?? ''));
      client.on('signed_out', ({ reason }) => told.ended.push(reason));
      Object.assign(window, { client, told });
    }, this.#url);
  }
}
