/** Pictures of every screen, for people to look at, and the one of the README. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PASSWORD, rest } from '../../../sdk/typescript/test/support/rest.js';
import { Person } from '../support/person.js';
import { atTheTimes, build, type Language } from '../support/scene.js';
import { expect, type Page, test } from '../support/test.js';
import { NETWORK_AWAY } from '../support/watch.js';

const FOLDER = join(process.env['NEXO_BROWSER_TARGET'] ?? '../../target/browser', 'pictures');
const README = join(import.meta.dirname, '../../../docs/chat.png');
const WIDTHS = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const LOCALES: Record<Language, string> = { en: 'en-GB', zh: 'zh-CN' };

/** Signs in with no names of buttons, so in any language. */
async function signIn(page: Page, url: string): Promise<Person> {
  await page.goto(url);
  await page.locator('input[autocomplete="username"]').fill('alice');
  await page.locator('input[type="password"]').fill(PASSWORD);
  await page.locator('button[type="submit"]').click();
  await expect(page.locator('[data-conversation]')).toHaveCount(6);
  return new Person(page, 'alice');
}

/** Nothing waits to be drawn any more. */
async function isStill(page: Page): Promise<void> {
  await expect(page.locator('.skeleton:visible')).toHaveCount(0);
  for (const image of await page.locator('img:visible').all()) {
    await expect.poll(() => image.evaluate((shown: HTMLImageElement) => shown.complete)).toBe(true);
  }
  await page.evaluate(() => document.fonts.ready);
}

test.beforeAll(() => {
  mkdirSync(FOLDER, { recursive: true });
});

test('the picture of the README', async ({ open, pages, server }) => {
  const { hike, ages } = await build(server.url, 'en', `${pages.origin}/picture.svg`);
  const page = await open();
  await atTheTimes(page, ages);
  const alice = await signIn(page, server.url);
  await alice.openConversation(`sg_${hike}`);
  await isStill(page);
  await page.screenshot({ path: README, animations: 'disabled', caret: 'hide' });
});

for (const language of ['en', 'zh'] as const) {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [width, viewport] of Object.entries(WIDTHS)) {
      test(`every screen: ${language}, ${colorScheme}, ${width}`, async ({ open, pages, server, watch }) => {
        watch.expect(NETWORK_AWAY);
        const { hike, chloe, ages } = await build(server.url, language, `${pages.origin}/picture.svg`);
        const page = await open({ locale: LOCALES[language], colorScheme, viewport });
        const picture = async (screen: string): Promise<void> => {
          await isStill(page);
          const path = join(FOLDER, `${screen}-${width}-${colorScheme}-${language}.png`);
          await page.screenshot({ path, animations: 'disabled', caret: 'hide' });
        };
        const narrow = width === 'phone';
        await atTheTimes(page, ages);
        await page.goto(server.url);
        await expect(page.locator('button[type="submit"]')).toBeVisible();
        await picture('1-sign-in');
        await signIn(page, server.url);
        await picture('2-list');
        await page.locator(`[data-conversation="sg_${hike}"]`).click();
        await expect(page.locator('article[data-seq="11"]')).toBeVisible();
        await picture('3-group');
        await page.locator('header.bar button').last().click();
        await expect(page.locator('dialog [data-user]')).toHaveCount(6);
        await picture('4-members');
        await page.keyboard.press('Escape');
        if (narrow) await page.goBack();
        await page.locator('[data-conversation="si_alice:ben"]').click();
        await expect(page.locator('article[data-seq="3"]')).toBeVisible();
        await picture('5-chat');
        if (narrow) await page.goBack();
        await page.locator('aside header button.icon-button').nth(1).click();
        await picture('6-new-chat');
        await page.keyboard.press('Escape');
        await page.locator('aside header button.icon-button').first().click();
        await picture('7-menu');
        await page.keyboard.press('Escape');
        await page.locator('[data-conversation="si_alice:emi"]').click({ button: 'right' });
        await picture('7-settings');
        await page.keyboard.press('Escape');
        await page.locator(`[data-conversation="sg_${hike}"]`).click();
        await page.context().setOffline(true);
        await page.locator('textarea').fill(language === 'zh' ? '我马上到' : 'I am on my way');
        await page.keyboard.press('Enter');
        await expect(page.locator('article[data-state="sending"]')).toBeVisible();
        await expect(page.getByRole('status')).not.toBeEmpty();
        await picture('8-offline');
        await chloe.kick(hike, 'alice');
        await page.context().setOffline(false);
        await expect(page.locator('article[data-state="failed"]')).toBeVisible();
        await picture('9-failed');
        if (narrow) await page.goBack();
        if (narrow) await picture('9-failed-list');
        await rest(server.url, 'alice', 5);
        await expect(page.locator('main.entry')).toBeVisible();
        await picture('10-elsewhere');
      });
    }
  }
}
