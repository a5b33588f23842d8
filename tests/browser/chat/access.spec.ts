/** What axe finds on each screen, in both themes and widths. */

import { register, rest, tell, tellGroup } from '../../../sdk/typescript/test/support/rest.js';
import { isAccessible } from '../support/axe.js';
import { Person } from '../support/person.js';
import { expect, test } from '../support/test.js';
import { NETWORK_AWAY } from '../support/watch.js';

const WIDTHS = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [width, viewport] of Object.entries(WIDTHS)) {
    test(`every screen is accessible: ${colorScheme}, ${width}`, async ({ open, server, watch }) => {
      // Axe looks at some twenty screens, for seconds each.
      test.slow();
      watch.expect(NETWORK_AWAY);
      await register(server.url, 'bob', 'Bob');
      const bob = await rest(server.url, 'bob');
      const page = await open({ colorScheme, viewport });
      const narrow = width === 'phone';
      const toList = async (): Promise<void> => {
        if (narrow) await page.getByRole('button', { name: 'Back to conversations' }).click();
      };

      await page.goto(server.url);
      await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
      await isAccessible(page, 'sign in');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('Create an account').click();
      await isAccessible(page, 'create an account');
      const alice = await Person.signUp(page, server.url, 'alice', 'Alice');
      await isAccessible(page, 'an empty list');

      for (const name of ['New chat', 'New group', 'Join group']) {
        await page.getByRole('button', { name }).first().click();
        await expect(page.getByRole('dialog', { name })).toBeVisible();
        await isAccessible(page, name);
        await page.keyboard.press('Escape');
      }
      await page.getByRole('button', { name: 'Menu' }).click();
      await isAccessible(page, 'the menu');
      await page.getByRole('button', { name: 'Profile' }).click();
      await isAccessible(page, 'the profile');
      await page.keyboard.press('Escape');

      await tell(bob, 'alice', ['Hello', 'See https://example.com/']);
      await alice.hasUnread('si_alice:bob', 2);
      await isAccessible(page, 'a list with unread messages');
      await alice.openConversation('si_alice:bob');
      await alice.say('Hello Bob');
      await expect(alice.message('Hello Bob')).toHaveAttribute('data-state', 'sent');
      await isAccessible(page, 'a conversation');
      await page.getByRole('button', { name: 'Send image' }).click();
      await isAccessible(page, 'sending an image');
      await page.keyboard.press('Escape');

      const { id } = await bob.createGroup({ name: 'Club', member_ids: ['alice'] });
      await tellGroup(bob, id, ['Welcome']);
      await toList();
      await alice.openConversation(`sg_${id}`);
      await isAccessible(page, 'a group');
      const info = await alice.groupInfo();
      await isAccessible(page, 'the members of a group');
      await info.getByRole('button', { name: 'Leave group' }).click();
      await isAccessible(page, 'a question');
      await page.keyboard.press('Escape');
      await expect(page.getByRole('dialog', { name: 'Leave group' })).toBeHidden();
      if (await info.isVisible()) await page.keyboard.press('Escape');

      await page.context().setOffline(true);
      await expect(alice.connection).not.toBeEmpty();
      await alice.say('waits');
      await isAccessible(page, 'offline, with a message that waits');
      await bob.kick(id, 'alice');
      await page.context().setOffline(false);
      await expect(alice.message('waits')).toHaveAttribute('data-state', 'failed');
      await isAccessible(page, 'a message that failed');

      const second = await page.context().newPage();
      await second.goto(server.url);
      await expect(second.getByRole('heading', { name: 'Open in another tab' })).toBeVisible();
      await isAccessible(second, 'open in another tab');
      await second.close();
      await rest(server.url, 'alice', 5);
      await expect(page.getByRole('heading', { name: 'Signed in elsewhere' })).toBeVisible();
      await isAccessible(page, 'signed in elsewhere');
    });
  }
}
