/** Languages, themes, narrow screens, and no mouse. */

import { numbers, PASSWORD, register, rest, tell } from '../../../sdk/typescript/test/support/rest.js';
import { tabTo } from '../support/keyboard.js';
import { Person } from '../support/person.js';
import { expect, type Page, test } from '../support/test.js';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true };

/** How light the page is, from 0 to 255. */
async function lightness(page: Page): Promise<number> {
  const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  // rgb(1, 2, 3), or oklch(0.2 ..) and the like, which a canvas understands.
  return await page.evaluate((colour) => {
    const paper = document.createElement('canvas').getContext('2d');
    if (!paper) throw new Error('no canvas');
    paper.fillStyle = colour;
    paper.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0] = paper.getImageData(0, 0, 1, 1).data;
    return (red + green + blue) / 3;
  }, colour);
}

test('the page speaks the language of the browser, and the chosen one from then on', async ({ open, server }) => {
  const page = await open({ locale: 'zh-CN' });
  await page.goto(server.url);
  await expect(page.locator('html')).toHaveAttribute('lang', /^zh/);
  await expect(page.getByRole('button', { name: '登录' })).toBeVisible();
  await page.getByRole('radio', { name: 'English' }).check({ force: true });
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', /^en/);
  const alice = await Person.signUp(page, server.url, 'alice');
  await page.reload();
  await alice.isIn();
  await page.getByRole('button', { name: 'Menu' }).click();
  await page.getByRole('radio', { name: '中文' }).check({ force: true });
  await page.keyboard.press('Escape');
  await expect(page.getByRole('list', { name: 'Conversations' })).toBeHidden();
  await expect(page.locator('html')).toHaveAttribute('lang', /^zh/);
});

test('an English browser has an English page', async ({ open, server }) => {
  const page = await open({ locale: 'en-US' });
  await page.goto(server.url);
  await expect(page.locator('html')).toHaveAttribute('lang', /^en/);
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
});

test('the page is as dark as the system, and as the chosen theme from then on', async ({ open, server }) => {
  const page = await open({ colorScheme: 'dark' });
  const alice = await Person.signUp(page, server.url, 'alice');
  expect(await lightness(page)).toBeLessThan(64);
  await page.emulateMedia({ colorScheme: 'light' });
  await expect.poll(() => lightness(page)).toBeGreaterThan(192);
  await page.getByRole('button', { name: 'Menu' }).click();
  await page.getByRole('radio', { name: 'Dark' }).check({ force: true });
  await expect.poll(() => lightness(page)).toBeLessThan(64);
  await page.reload();
  await alice.isIn();
  expect(await lightness(page)).toBeLessThan(64);
});

test('a phone shows the list or the conversation, and Back leads back', async ({ open, server }) => {
  await register(server.url, 'bob', 'Bob');
  const alice = await Person.signUp(await open(PHONE), server.url, 'alice');
  await tell(await rest(server.url, 'bob'), 'alice', numbers(30, 'a longer text of many words, number '));
  const list = alice.page.getByRole('list', { name: 'Conversations' });
  await alice.openConversation('si_alice:bob');
  await expect(list).toBeHidden();
  await expect(alice.message('number 30')).toBeInViewport();
  await alice.fits();
  await alice.page.getByRole('button', { name: 'Back to conversations' }).click();
  await expect(list).toBeVisible();
  await expect(alice.composer).toBeHidden();
  await alice.fits();
  await alice.openConversation('si_alice:bob');
  await alice.page.goBack();
  await expect(list).toBeVisible();
  await expect(alice.composer).toBeHidden();
  await alice.page.goForward();
  await expect(alice.composer).toBeVisible();
  await alice.say('from the phone');
  await expect(alice.message('from the phone')).toHaveAttribute('data-state', 'sent');
  await expect(alice.message('from the phone')).toBeInViewport();
});

test('everything is done without a mouse', async ({ open, server }) => {
  await register(server.url, 'bob', 'Bob');
  await register(server.url, 'carol', 'Carol');
  const page = await open();
  const alice = new Person(page, 'alice');
  const keyboard = page.keyboard;
  await page.goto(server.url);

  await test.step('creates an account', async () => {
    await tabTo(page, page.getByText('Create an account'));
    await keyboard.press('Enter');
    for (const [name, text] of [['User ID', 'alice'], ['Nickname', 'Alice'], ['Password', PASSWORD]] as const) {
      await tabTo(page, page.getByLabel(name, { exact: true }));
      await keyboard.type(text);
    }
    await keyboard.press('Enter');
    await alice.isIn();
  });

  await test.step('starts a chat, and sends', async () => {
    await tabTo(page, page.getByRole('button', { name: 'New chat' }).first());
    await keyboard.press('Enter');
    await expect(page.getByRole('dialog', { name: 'New chat' })).toBeVisible();
    await tabTo(page, page.getByLabel('User ID', { exact: true }));
    await keyboard.type('bob');
    await keyboard.press('Enter');
    await expect(page.getByRole('heading', { name: 'Bob' })).toBeVisible();
    await tabTo(page, alice.composer);
    await keyboard.type('first line');
    await keyboard.press('Shift+Enter');
    await keyboard.type('second line');
    await keyboard.press('Enter');
    await alice.reads(['first line\nsecond line']);
    await alice.allOwnAre('sent');
  });

  await test.step('creates a group, and looks at its members', async () => {
    await tabTo(page, page.getByRole('button', { name: 'New group' }).first());
    await keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'New group' });
    await tabTo(page, dialog.getByLabel('Group name', { exact: true }));
    await keyboard.type('Club');
    await tabTo(page, dialog.getByLabel('Members', { exact: true }));
    await keyboard.type('carol');
    await keyboard.press('Enter');
    await tabTo(page, page.getByRole('button', { name: 'Group info' }));
    await keyboard.press('Enter');
    const info = page.getByRole('dialog', { name: 'Group info' });
    await expect(info.locator('[data-user]')).toHaveCount(2);
    await tabTo(page, info.getByRole('button', { name: 'Actions for Carol' }));
    await keyboard.press('Enter');
    await tabTo(page, page.getByText('Make admin'));
    await keyboard.press('Enter');
    await expect(info.locator('[data-user="carol"]')).toContainText('Admin');
    await keyboard.press('Escape');
    await expect(info).toBeHidden();
  });

  await test.step('goes from one conversation to the other by arrows', async () => {
    await tabTo(page, page.locator('[data-conversation][aria-current="page"]'));
    const rows = page.locator('[data-conversation]');
    await keyboard.press('Home');
    await expect(rows.first()).toBeFocused();
    await keyboard.press('ArrowDown');
    await expect(rows.nth(1)).toBeFocused();
    await keyboard.press('ArrowUp');
    await keyboard.press('End');
    await expect(rows.last()).toBeFocused();
    await keyboard.press('Enter');
    await expect(page.getByRole('heading', { name: 'Bob' })).toBeVisible();
  });

  await test.step('signs out', async () => {
    await tabTo(page, page.getByRole('button', { name: 'Menu' }));
    await keyboard.press('Enter');
    await tabTo(page, page.getByRole('button', { name: 'Sign out' }));
    await keyboard.press('Enter');
    await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  });
});
