/** How fast the chat is, and how it is with much in it. Figures are printed, not asserted: they are those of this machine. */

import { register, rest } from '../../../sdk/typescript/test/support/rest.js';
import { groups, messages } from '../support/fill.js';
import { Person } from '../support/person.js';
import { expect, type Page, test } from '../support/test.js';

const CONVERSATIONS = 1_000;
const MESSAGES = 100_000;
const LOADS = 5;
/** The height of a row of the list. */
const ROW_PX = 68;
/** Messages that are scrolled past. */
const SCROLLED = 10_000;

interface Window {
  longTasks: number[];
  readyAt: number | undefined;
}

declare const window: Window;

/** Notes the long tasks of a page, and when what `selector` names can first be used. */
async function time(page: Page, selector: string): Promise<void> {
  await page.addInitScript((selector) => {
    window.longTasks = [];
    window.readyAt = undefined;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longTasks.push(Math.round(duration));
    }).observe({ type: 'longtask', buffered: true });
    const look = new MutationObserver(() => {
      if (!document.querySelector(selector)) return;
      window.readyAt = performance.now();
      look.disconnect();
    });
    look.observe(document, { childList: true, subtree: true });
  }, selector);
}

/** From the navigation on, in ms. */
async function loaded(page: Page): Promise<{ readyMs: number; longTasks: number[] }> {
  await page.waitForFunction(() => window.readyAt !== undefined);
  return await page.evaluate(() => ({ readyMs: Math.round(window.readyAt ?? 0), longTasks: window.longTasks }));
}

function print(what: string, figure: unknown): void {
  console.log(`figure: ${what}: ${typeof figure === 'string' ? figure : JSON.stringify(figure)}`);
}

/** Turns the wheel over what `selector` names, a frame at a time, until `done`. Answers the long tasks and the longest frame. */
async function scroll(page: Page, selector: string, stepPx: number, done: () => Promise<boolean>): Promise<object> {
  await page.locator(selector).first().hover();
  await page.evaluate(() => {
    window.longTasks = [];
    const frames = { longest: 0, last: performance.now() };
    const frame = (): void => {
      const now = performance.now();
      frames.longest = Math.max(frames.longest, now - frames.last);
      frames.last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    Object.assign(window, { frames });
  });
  const begun = Date.now();
  while (!(await done())) {
    await page.mouse.wheel(0, stepPx);
    await page.evaluate(() => new Promise((next) => requestAnimationFrame(next)));
  }
  return await page.evaluate((tookMs) => {
    const { longest } = (window as unknown as { frames: { longest: number } }).frames;
    const { longTasks } = window;
    return { tookMs, longTasks, longestFrameMs: Math.round(longest), elements: document.querySelectorAll('*').length };
  }, Date.now() - begun);
}

/** The memory of the page's script, after its garbage is gone. */
async function heapMb(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return Math.round(usedSize / 1e5) / 10;
}

test('the first load', async ({ open, server }) => {
  const found: number[] = [];
  for (let at = 0; at < LOADS; at++) {
    const page = await open();
    await time(page, 'form button[type="submit"]:not(:disabled)');
    await page.goto(server.url);
    const { readyMs, longTasks } = await loaded(page);
    found.push(readyMs);
    if (longTasks.length > 0) print('long tasks of the first load, ms', longTasks);
    await page.close();
  }
  print('first load, from navigation to a form that works, ms', found);
});

test('many conversations and a long history', async ({ open, server }) => {
  await register(server.url, 'alice', 'Alice');
  await register(server.url, 'bob', 'Bob');
  const bob = await rest(server.url, 'bob');
  const begun = Date.now();
  await groups(bob, ['alice'], CONVERSATIONS - 1);
  await messages(bob, 'alice', MESSAGES);
  print('filling it took, ms', Date.now() - begun);

  const alice = await Person.signIn(await open(), server.url, 'alice');
  const { page } = alice;
  await time(page, '[data-conversation]');
  await page.reload();
  print(`a reload with ${CONVERSATIONS} conversations, until the list is there`, await loaded(page));
  await expect(alice.row('si_alice:bob')).toBeVisible();

  const listEnds = async (): Promise<boolean> =>
    await page.locator('nav').evaluate((nav) => nav.scrollTop + nav.clientHeight >= nav.scrollHeight - 2);
  print('the list, scrolled to its end', await scroll(page, 'nav', 700, listEnds));
  await page.locator('nav').evaluate((nav) => nav.scrollTo(0, 0));

  await alice.openConversation('si_alice:bob');
  await expect(alice.messages.last()).toHaveAttribute('data-seq', String(MESSAGES));
  print('memory at the end of the history, MB', await heapMb(page));
  const first = async (): Promise<number> =>
    await page.evaluate(() => Number(document.querySelector('article[data-seq]')?.getAttribute('data-seq') ?? Number.MAX_VALUE));
  const top = MESSAGES - SCROLLED;
  print(`the history, scrolled up over ${SCROLLED} messages`, await scroll(page, '[role="log"]', -1_200, async () => (await first()) < top));
  print('memory up there, MB', await heapMb(page));
  await page.evaluate(() => (window.longTasks = []));
  await page.getByRole('button', { name: 'Jump to the latest' }).click();
  await expect(alice.messages.last()).toHaveAttribute('data-seq', String(MESSAGES));
  print('the jump to the latest, long tasks', await page.evaluate(() => window.longTasks));

  await page.evaluate(() => (window.longTasks = []));
  await groups(bob, ['alice'], 100);
  // Asked for by its height: to look for a text is work of the page too.
  const whole = (CONVERSATIONS + 100) * ROW_PX;
  await expect.poll(() => page.locator('nav').evaluate((nav) => nav.scrollHeight)).toBeGreaterThanOrEqual(whole);
  print('a hundred conversations that come in while one looks, long tasks', await page.evaluate(() => window.longTasks));
});
