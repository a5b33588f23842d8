/** Groups: created, joined and left, with roles, and everybody sees it. */

import { Person } from '../support/person.js';
import { expect, type Page, test } from '../support/test.js';

/** Acts on a member in the open group info. */
async function act(page: Page, name: string, action: string): Promise<void> {
  const actions = page.getByRole('button', { name: `Actions for ${name}` });
  if ((await actions.getAttribute('aria-expanded')) !== 'true') await actions.click();
  await page.getByRole('button', { name: action }).click();
}

/** Answers yes to a question. */
async function confirm(page: Page, action: string): Promise<void> {
  await page.getByRole('dialog', { name: action }).getByRole('button', { name: action }).click();
  await expect(page.getByRole('dialog', { name: action })).toBeHidden();
}

test('three people in a group see each other come, talk, rise and go', async ({ open, server }) => {
  const alice = await Person.signUp(await open(), server.url, 'alice', 'Alice');
  const bob = await Person.signUp(await open(), server.url, 'bob', 'Bob');
  const carol = await Person.signUp(await open(), server.url, 'carol', 'Carol');
  const id = await alice.createGroup('Tea at five', ['bob']);
  const conversation = `sg_${id}`;

  await test.step('who was invited has it, who knows its id joins', async () => {
    await alice.say('Welcome');
    await bob.openConversation(conversation);
    await bob.reads(['Welcome']);
    await carol.joinGroup(id);
    await carol.say('Thank you');
    for (const one of [alice, bob]) await expect(one.message('Thank you')).toContainText('Carol');
    // What was said before she came is none of hers.
    await carol.reads(['Thank you']);
  });

  const info = await alice.groupInfo();
  const seen = await bob.groupInfo();
  await test.step('roles are seen by the others', async () => {
    await expect(info.locator('[data-user]')).toHaveCount(3);
    await expect(info.locator('[data-user="alice"]')).toContainText('Owner');
    await act(alice.page, 'Bob', 'Make admin');
    await expect(info.locator('[data-user="bob"]')).toContainText('Admin');
    await expect(seen.locator('[data-user="bob"]')).toContainText('Admin');
    await act(alice.page, 'Bob', 'Make member');
    await expect(seen.locator('[data-user="bob"]')).toContainText('Member');
    await act(alice.page, 'Bob', 'Make admin');
    await expect(seen.locator('[data-user="bob"]')).toContainText('Admin');
  });

  await test.step('an admin removes a member, and all see it', async () => {
    await act(bob.page, 'Carol', 'Remove from group');
    await confirm(bob.page, 'Remove from group');
    await expect(info.locator('[data-user="carol"]')).toHaveCount(0);
    await expect(seen.locator('[data-user="carol"]')).toHaveCount(0);
    await expect(carol.page.getByText('You are not a member of this group.')).toBeVisible();
    await expect(carol.composer).toBeHidden();
  });

  await test.step('the owner hands it over and leaves', async () => {
    await act(alice.page, 'Bob', 'Make owner');
    await confirm(alice.page, 'Make owner');
    await expect(seen.locator('[data-user="bob"]')).toContainText('Owner');
    await alice.page.getByRole('button', { name: 'Leave group' }).click();
    await confirm(alice.page, 'Leave group');
    await expect(info).toBeHidden();
    await expect(seen.locator('[data-user]')).toHaveCount(1);
  });

  await test.step('and it can be dismissed', async () => {
    await bob.page.getByRole('button', { name: 'Dismiss group' }).click();
    await confirm(bob.page, 'Dismiss group');
    await expect(bob.page.getByText('This group was dismissed.')).toBeVisible();
    await expect(bob.composer).toBeHidden();
  });
});

test('a group that was left is joined again, and what was said meanwhile stays with the others', async ({ open, server }) => {
  const alice = await Person.signUp(await open(), server.url, 'alice');
  const bob = await Person.signUp(await open(), server.url, 'bob');
  const id = await alice.createGroup('Club', ['bob']);
  await bob.openConversation(`sg_${id}`);
  await bob.say('hello');
  await expect(alice.message('hello')).toBeVisible();
  await (await bob.groupInfo()).getByRole('button', { name: 'Leave group' }).click();
  await confirm(bob.page, 'Leave group');
  await expect(bob.page.getByRole('dialog')).toHaveCount(0);
  await alice.say('between ourselves');
  await expect(alice.message('between ourselves')).toHaveAttribute('data-state', 'sent');
  await bob.joinGroup(id);
  await alice.say('welcome back');
  await bob.reads(['hello', 'welcome back']);
});

test('an unknown group is said to be unknown', async ({ open, server }) => {
  const alice = await Person.signUp(await open(), server.url, 'alice');
  await alice.page.getByRole('button', { name: 'Join group' }).first().click();
  const dialog = alice.page.getByRole('dialog', { name: 'Join group' });
  await dialog.getByLabel('Group ID', { exact: true }).fill('12345');
  await dialog.getByRole('button', { name: 'Join', exact: true }).click();
  await expect(dialog.getByRole('alert')).toHaveText('There is no such group.');
  await alice.page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
});
