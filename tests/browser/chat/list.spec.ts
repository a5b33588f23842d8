/** The list of conversations: what is pinned, muted, or not sent. */

import type { Route } from '@playwright/test';
import { PASSWORD, register, rest, tell } from '../../../sdk/typescript/test/support/rest.js';
import { isAccessible } from '../support/axe.js';
import { tabTo } from '../support/keyboard.js';
import { Person } from '../support/person.js';
import { expect, type Page, test } from '../support/test.js';
import { NETWORK_AWAY } from '../support/watch.js';

const BOB = 'si_alice:bob';
const CAROL = 'si_alice:carol';

test.beforeEach(async ({ server }) => {
  for (const [user_id, name] of [['alice', 'Alice'], ['bob', 'Bob'], ['carol', 'Carol']] as const) await register(server.url, user_id, name);
});

/** Bob wrote first, so Carol stands above. */
async function written(server: string): Promise<void> {
  for (const from of ['bob', 'carol']) await tell(await rest(server, from), 'alice', [`from ${from}`]);
}

const choose = (page: Page, name: string): Promise<void> =>
  page.getByRole('group', { name: 'Conversation settings' }).getByRole('button', { name, exact: true }).click();

test('a pinned conversation stands first and says so, until it is unpinned', async ({ open, server }) => {
  await written(server.url);
  const alice = await Person.signIn(await open(), server.url, 'alice');
  const rows = alice.page.locator('[data-conversation]');
  await expect(rows.first()).toHaveAttribute('data-conversation', CAROL);
  await alice.row(BOB).click({ button: 'right' });
  await isAccessible(alice.page, 'the menu of a conversation');
  await choose(alice.page, 'Pin');
  await expect(rows.first()).toHaveAttribute('data-conversation', BOB);
  await expect(alice.row(BOB).getByRole('img', { name: 'Pinned' })).toBeVisible();
  await expect(alice.page.getByRole('group', { name: 'Conversation settings' })).toBeHidden();
  await tell(await rest(server.url, 'carol'), 'alice', ['again']);
  await alice.hasUnread(CAROL, 2);
  await expect(rows.first()).toHaveAttribute('data-conversation', BOB);
  await alice.page.reload();
  await alice.isIn();
  await expect(rows.first()).toHaveAttribute('data-conversation', BOB);
  await alice.row(BOB).click({ button: 'right' });
  await choose(alice.page, 'Unpin');
  await expect(rows.first()).toHaveAttribute('data-conversation', CAROL);
  await expect(alice.row(BOB).getByRole('img', { name: 'Pinned' })).toHaveCount(0);
});

test('a conversation is pinned and muted without a mouse', async ({ open, server }) => {
  await written(server.url);
  const alice = await Person.signIn(await open(), server.url, 'alice');
  const { page } = alice;
  await tabTo(page, page.locator('[data-conversation][tabindex="0"]'));
  await page.keyboard.press('End');
  await expect(alice.row(BOB)).toBeFocused();
  await page.keyboard.press('Shift+F10');
  await expect(page.getByRole('button', { name: 'Pin', exact: true })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(alice.row(BOB)).toBeFocused();
  await page.keyboard.press('ContextMenu');
  await page.keyboard.press('Enter');
  await expect(alice.row(BOB).getByRole('img', { name: 'Pinned' })).toBeVisible();
  await expect(alice.row(BOB)).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(alice.composer).toBeVisible();
  await tabTo(page, page.getByRole('button', { name: 'Conversation settings' }));
  await page.keyboard.press('Enter');
  await tabTo(page, page.getByRole('button', { name: 'Mute', exact: true }));
  await page.keyboard.press('Enter');
  await expect(alice.row(BOB).getByRole('img', { name: 'Muted' })).toBeVisible();
});

test('a row keeps the focus when it moves', async ({ open, server }) => {
  await written(server.url);
  const dan = 'si_alice:dan';
  await register(server.url, 'dan', 'Dan');
  await tell(await rest(server.url, 'dan'), 'alice', ['from dan']);
  const alice = await Person.signIn(await open(), server.url, 'alice');
  const rows = alice.page.locator('[data-conversation]');
  await tabTo(alice.page, rows.first());
  for (const [from, id] of [['bob', BOB], ['dan', dan]] as const) {
    await alice.page.keyboard.press('End');
    await expect(rows.last()).toBeFocused();
    await tell(await rest(server.url, 'carol'), 'alice', ['up']);
    await tell(await rest(server.url, from), 'alice', ['up']);
    await expect(rows.first()).toHaveAttribute('data-conversation', id);
    await expect(alice.row(id)).toBeFocused();
  }
});

test('a muted conversation counts quietly, and not in the title', async ({ open, server }) => {
  await written(server.url);
  const alice = await Person.signIn(await open({ viewport: { width: 390, height: 844 }, hasTouch: true }), server.url, 'alice');
  await expect(alice.page).toHaveTitle('(2) Nexo');
  await alice.openConversation(BOB);
  await alice.page.getByRole('button', { name: 'Conversation settings' }).click();
  await choose(alice.page, 'Mute');
  await alice.page.getByRole('button', { name: 'Back to conversations' }).click();
  await expect(alice.row(BOB).getByRole('img', { name: 'Muted' })).toBeVisible();
  await expect(alice.page).toHaveTitle('(1) Nexo');
  await tell(await rest(server.url, 'bob'), 'alice', ['softly']);
  await alice.hasUnread(BOB, 1);
  await expect(alice.row(BOB).locator('.badge')).toHaveClass(/quiet/);
  await expect(alice.page).toHaveTitle('(1) Nexo');
});

test('settings that the server does not take say so, and stay as they were', async ({ open, server, watch }) => {
  watch.expect(NETWORK_AWAY);
  await written(server.url);
  const alice = await Person.signIn(await open(), server.url, 'alice');
  await alice.row(BOB).click({ button: 'right' });
  await alice.page.context().setOffline(true);
  await choose(alice.page, 'Pin');
  await expect(alice.page.getByRole('alert')).toContainText('The server does not answer');
  await expect(alice.row(BOB).getByRole('img', { name: 'Pinned' })).toHaveCount(0);
  await alice.page.context().setOffline(false);
  await choose(alice.page, 'Pin');
  await expect(alice.row(BOB).getByRole('img', { name: 'Pinned' })).toBeVisible();
});

test('what the menu of the header said is not said when it is opened again', async ({ open, server, watch }) => {
  watch.expect(NETWORK_AWAY);
  await written(server.url);
  const alice = await Person.signIn(await open(), server.url, 'alice');
  await alice.openConversation(BOB);
  const settings = alice.page.getByRole('button', { name: 'Conversation settings' });
  await settings.click();
  await alice.page.context().setOffline(true);
  await choose(alice.page, 'Pin');
  await expect(alice.page.getByRole('alert')).toContainText('The server does not answer');
  await alice.page.keyboard.press('Escape');
  await settings.click();
  await expect(alice.page.getByRole('button', { name: 'Pin', exact: true })).toBeVisible();
  await expect(alice.page.getByRole('alert')).toHaveCount(0);
});

test('a slow setting leaves the menu of another row open, and is told of if it fails', async ({ open, server, watch }) => {
  watch.expect(NETWORK_AWAY);
  await written(server.url);
  const alice = await Person.signIn(await open(), server.url, 'alice');
  const group = alice.page.getByRole('group', { name: 'Conversation settings' });
  for (const [end, choice] of [['continue', 'Mute'], ['abort', 'Unmute']] as const) {
    const asked = new Promise<Route>((resolve) => void alice.page.route(/conversation\/update/, resolve, { times: 1 }));
    await alice.row(BOB).click({ button: 'right' });
    await choose(alice.page, choice);
    const route = await asked;
    await alice.page.keyboard.press('Escape');
    await alice.row(CAROL).click({ button: 'right' });
    await route[end]();
    if (end === 'continue') await expect(alice.row(BOB).getByRole('img', { name: 'Muted' })).toBeVisible();
    else await expect(alice.page.getByText('The server does not answer')).toBeVisible();
    await expect(group).toBeVisible();
    await alice.page.keyboard.press('Escape');
    await expect(group).toBeHidden();
  }
});

test('a menu that was open when somebody was signed out is closed when they are back', async ({ open, server }) => {
  await written(server.url);
  const alice = await Person.signIn(await open(), server.url, 'alice');
  await alice.row(BOB).click({ button: 'right' });
  await expect(alice.page.getByRole('button', { name: 'Pin', exact: true })).toBeVisible();
  await rest(server.url, 'alice', 5);
  await alice.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await alice.page.getByRole('button', { name: 'Use here again' }).click();
  await alice.isIn();
  await expect(alice.row(BOB)).toBeVisible();
  await expect(alice.page.getByRole('group', { name: 'Conversation settings' })).toBeHidden();
});

test('a conversation has settings from its first message on', async ({ open, server }) => {
  const alice = await Person.signIn(await open(), server.url, 'alice');
  await alice.startChat('bob');
  const settings = alice.page.getByRole('button', { name: 'Conversation settings' });
  await expect(settings).toHaveCount(0);
  await alice.say('the first');
  await settings.click();
  await choose(alice.page, 'Pin');
  await expect(alice.row(BOB).getByRole('img', { name: 'Pinned' })).toBeVisible();
});

test('the list shows what is not sent, of new conversations too', async ({ open, server, watch }) => {
  watch.expect(NETWORK_AWAY);
  await written(server.url);
  await register(server.url, 'dan', 'Dan');
  const alice = await Person.signIn(await open(), server.url, 'alice');
  const carol = await rest(server.url, 'carol');
  const { id } = await carol.createGroup({ name: 'Club', member_ids: ['alice'] });
  await alice.startChat('dan');
  await alice.page.context().setOffline(true);
  await expect(alice.connection).toContainText('Offline');
  await alice.say('to somebody new');
  const dan = alice.row('si_alice:dan');
  await expect(dan).toContainText('You: to somebody new');
  await expect(dan.getByRole('img', { name: 'Sending' })).toBeVisible();
  await alice.openConversation(`sg_${id}`);
  await alice.say('to a group');
  await carol.kick(id, 'alice');
  await alice.page.context().setOffline(false);
  await expect(dan.getByRole('img', { name: 'Sending' })).toHaveCount(0);
  await expect(alice.row(`sg_${id}`).getByRole('img', { name: 'Not sent' })).toBeVisible();
  await alice.page.getByRole('button', { name: 'Discard' }).click();
  await expect(alice.row(`sg_${id}`).getByRole('img', { name: 'Not sent' })).toHaveCount(0);
});
