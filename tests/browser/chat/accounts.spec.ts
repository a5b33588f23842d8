/** Accounts: one person on several devices and in several tabs, and several people in one browser. */

import type { Route } from '@playwright/test';
import { PASSWORD, register, rest, tell } from '../../../sdk/typescript/test/support/rest.js';
import { Person } from '../support/person.js';
import { expect, type Page, test } from '../support/test.js';

test('who signed in elsewhere is told, and comes back', async ({ open, server }) => {
  await register(server.url, 'bob');
  const alice = await Person.signUp(await open(), server.url, 'alice');
  await alice.startChat('bob');
  await alice.say('before');
  await expect(alice.message('before')).toHaveAttribute('data-state', 'sent');
  const elsewhere = await rest(server.url, 'alice', 5);
  await expect(alice.page.getByRole('heading', { name: 'Signed in elsewhere' })).toBeVisible();
  // It does not fight back.
  await tell(elsewhere, 'bob', ['from elsewhere']);
  expect(await elsewhere.me()).toMatchObject({ user_id: 'alice' });
  await alice.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await alice.page.getByRole('button', { name: 'Use here again' }).click();
  await alice.isIn();
  await alice.openConversation('si_alice:bob');
  await alice.reads(['before', 'from elsewhere']);
  await expect(elsewhere.me()).rejects.toThrow();
});

test('a message that was on its way when another device took over is sent by whoever comes back', async ({ open, server, watch }) => {
  watch.expect(/net::ERR_/);
  await register(server.url, 'bob');
  const alice = await Person.signUp(await open(), server.url, 'alice');
  await alice.startChat('bob');
  await alice.page.context().setOffline(true);
  await alice.say('late');
  await alice.kept();
  await rest(server.url, 'alice', 5);
  await alice.page.context().setOffline(false);
  await expect(alice.page.getByRole('heading', { name: 'Signed in elsewhere' })).toBeVisible();
  await alice.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await alice.page.getByRole('button', { name: 'Use here again' }).click();
  await alice.isIn();
  await alice.openConversation('si_alice:bob');
  await expect(alice.message('late')).toHaveAttribute('data-state', 'sent');
  await alice.reads(['late']);
});

for (const [what, host] of [['a page', '127.0.0.1'], ['a page that is not secure', 'nexo.test']] as const) {
  test(`one tab of an account works at a time, and the other one takes over: ${what}`, async ({ open, server, watch }) => {
    watch.expect(/Cross-Origin-Opener-Policy header has been ignored/);
    await takesOver(await open(), server.url, server.url.replace('127.0.0.1', host));
  });
}

async function takesOver(opened: Page, server: string, url: string): Promise<void> {
  await register(server, 'bob');
  const first = await Person.signUp(opened, url, 'alice');
  expect(await opened.evaluate(() => isSecureContext)).toBe(server === url);
  await first.startChat('bob');
  await first.say('from the first');
  await expect(first.message('from the first')).toHaveAttribute('data-state', 'sent');
  const page = await first.page.context().newPage();
  await page.goto(url);
  const second = new Person(page, 'alice');
  await expect(page.getByRole('heading', { name: 'Open in another tab' })).toBeVisible();
  await page.getByRole('button', { name: 'Use here' }).click();
  await second.isIn();
  await expect(first.page.getByRole('heading', { name: 'Open in another tab' })).toBeVisible();
  await second.openConversation('si_alice:bob');
  await second.say('from the second');
  await second.reads(['from the first', 'from the second']);
  await second.allOwnAre('sent');
  await first.page.getByRole('button', { name: 'Use here' }).click();
  await expect(page.getByRole('heading', { name: 'Open in another tab' })).toBeVisible();
  await first.isIn();
  await first.openConversation('si_alice:bob');
  await first.reads(['from the first', 'from the second']);
}

test('a tab that was asleep when it was asked gives its account up when it wakes', async ({ open, server, watch }) => {
  watch.expect(/Cross-Origin-Opener-Policy header has been ignored/);
  // There are no locks here, which would keep the second one out.
  const url = server.url.replace('127.0.0.1', 'nexo.test');
  const first = await Person.signUp(await open(), url, 'alice');
  const held = new Promise<Route>((resolve) => void first.page.route('**/held', resolve));
  const asleep = first.page.evaluate(() => {
    const request = new XMLHttpRequest();
    request.open('GET', '/held', false);
    request.send();
  });
  const answer = await held;
  const page = await first.page.context().newPage();
  await page.goto(url);
  await new Person(page, 'alice').isIn();
  await answer.fulfill({ body: '' });
  await asleep;
  await expect(first.page.getByRole('heading', { name: 'Open in another tab' })).toBeVisible();
  await new Person(page, 'alice').isIn();
});

test('a tab goes on when the one before it is closed', async ({ open, server }) => {
  const first = await Person.signUp(await open(), server.url, 'alice');
  const page = await first.page.context().newPage();
  await page.goto(server.url);
  await expect(page.getByRole('heading', { name: 'Open in another tab' })).toBeVisible();
  await first.page.close();
  await page.getByRole('button', { name: 'Use here' }).click();
  await new Person(page, 'alice').isIn();
});

test('two tabs of one browser are two people', async ({ open, server }) => {
  const alice = await Person.signUp(await open(), server.url, 'alice');
  await register(server.url, 'bob');
  const page = await alice.page.context().newPage();
  await page.goto(server.url);
  await page.getByRole('button', { name: 'Use another account' }).click();
  const bob = new Person(page, 'bob');
  await bob.enter();
  await alice.startChat('bob');
  await alice.say('hello over there');
  await bob.openConversation('si_alice:bob');
  await bob.say('hello');
  await alice.reads(['hello over there', 'hello']);
  // Each tab stays who it is.
  await page.reload();
  await bob.isIn();
  await alice.page.reload();
  await alice.isIn();
  await bob.say('still me');
  await expect(alice.message('still me')).not.toHaveAttribute('data-state');
});

test('who signs out is forgotten here', async ({ open, server }) => {
  const alice = await Person.signUp(await open(), server.url, 'alice');
  const elsewhere = await rest(server.url, 'alice');
  await alice.signOut();
  await alice.page.reload();
  await expect(alice.page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  expect(await elsewhere.me()).toMatchObject({ user_id: 'alice' });
  await alice.enter();
});

test('what is typed wrong is said', async ({ open, server }) => {
  await register(server.url, 'alice');
  const page = await open();
  await page.goto(server.url);
  await page.getByLabel('User ID', { exact: true }).fill('alice');
  await page.getByLabel('Password', { exact: true }).fill('not it at all');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toHaveText('The password is wrong.');
  await page.getByLabel('User ID', { exact: true }).fill('nobody');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toHaveText('There is no such user.');
});

test('a name and a picture that change are seen by others', async ({ open, pages, server }) => {
  const alice = await Person.signUp(await open(), server.url, 'alice', 'Alice');
  await alice.page.getByRole('button', { name: 'Menu' }).click();
  await alice.page.getByRole('button', { name: 'Profile' }).click();
  const dialog = alice.page.getByRole('dialog', { name: 'Profile' });
  await dialog.getByLabel('Nickname', { exact: true }).fill('Alice Liddell');
  await dialog.getByLabel('Avatar URL', { exact: true }).fill(`${pages.origin}/picture.svg`);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toBeHidden();
  const bob = await Person.signUp(await open(), server.url, 'bob');
  await bob.startChat('alice');
  await expect(bob.page.getByRole('heading', { name: 'Alice Liddell' })).toBeVisible();
});
