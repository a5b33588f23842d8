/** Networks and servers go away and come back: nothing is lost, nothing is twice, and counts are exact. */

import { numbers, register, rest, tell } from '../../../sdk/typescript/test/support/rest.js';
import { Person } from '../support/person.js';
import { expect, test } from '../support/test.js';
import { NETWORK_AWAY } from '../support/watch.js';

const CONVERSATION = 'si_alice:bob';

// So high that every message of a test is drawn.
test.use({ viewport: { width: 1280, height: 2_400 } });

test.beforeEach(async ({ server, watch }) => {
  watch.expect(NETWORK_AWAY);
  await register(server.url, 'alice', 'Alice');
  await register(server.url, 'bob', 'Bob');
});

test('who was offline gets everything once, in order, and counts it exactly', async ({ open, server }) => {
  const alice = await Person.signIn(await open(), server.url, 'alice');
  const bob = await rest(server.url, 'bob');
  await tell(bob, 'alice', numbers(3));
  await alice.hasUnread(CONVERSATION, 3);
  await alice.page.context().setOffline(true);
  await expect(alice.connection).toContainText('Offline');
  await tell(bob, 'alice', numbers(5, 'missed '));
  await alice.page.context().setOffline(false);
  await alice.isOnline();
  await alice.hasUnread(CONVERSATION, 8);
  await alice.openConversation(CONVERSATION);
  await alice.reads([...numbers(3), ...numbers(5, 'missed ')]);
  await alice.hasUnread(CONVERSATION, 0);
});

test('what is written offline waits, and is sent in order', async ({ open, server }) => {
  const alice = await Person.signIn(await open(), server.url, 'alice');
  const bob = await Person.signIn(await open(), server.url, 'bob');
  await alice.startChat('bob');
  await alice.say('before');
  await bob.openConversation(CONVERSATION);
  await alice.page.context().setOffline(true);
  await expect(alice.connection).toContainText('Offline');
  for (const text of numbers(5, 'written offline ')) await alice.say(text);
  await expect(alice.message('written offline 5')).toHaveAttribute('data-state', 'sending');
  await bob.say('meanwhile');
  await alice.page.context().setOffline(false);
  await alice.isOnline();
  const all = ['before', 'meanwhile', ...numbers(5, 'written offline ')];
  await bob.reads(all);
  await alice.reads(all);
  await alice.allOwnAre('sent');
  await bob.hasUnread(CONVERSATION, 0);
});

test('a server that is killed and comes back loses nothing of anybody', async ({ open, server }) => {
  const alice = await Person.signIn(await open(), server.url, 'alice');
  const bob = await Person.signIn(await open(), server.url, 'bob');
  await alice.startChat('bob');
  await alice.say('before');
  await bob.hasUnread(CONVERSATION, 1);
  await server.kill();
  await expect(alice.connection).not.toBeEmpty();
  await expect(bob.connection).not.toBeEmpty();
  for (const text of numbers(5, 'meanwhile ')) await alice.say(text);
  await server.again();
  await alice.isOnline();
  await bob.isOnline();
  await alice.allOwnAre('sent');
  await alice.say('after');
  await bob.hasUnread(CONVERSATION, 7);
  await bob.openConversation(CONVERSATION);
  for (const one of [alice, bob]) {
    await one.reads(['before', ...numbers(5, 'meanwhile '), 'after']);
    await one.hasUnread(CONVERSATION, 0);
  }
});

test('a reload in the middle of a send sends once: the server had it', async ({ open, server }) => {
  const alice = await Person.signIn(await open(), server.url, 'alice');
  const bob = await Person.signIn(await open(), server.url, 'bob');
  await alice.startChat('bob');
  await alice.say('before');
  await bob.openConversation(CONVERSATION);
  // It reads what was written to it once it goes on, when nobody waits for the answer any more.
  server.pause();
  await alice.say('once');
  await expect(alice.message('once')).toHaveAttribute('data-state', 'sending');
  await alice.kept();
  const reloaded = alice.page.reload();
  server.resume();
  await reloaded;
  await alice.isIn();
  await alice.say('after');
  for (const one of [alice, bob]) await one.reads(['before', 'once', 'after']);
  await alice.allOwnAre('sent');
  await bob.hasUnread(CONVERSATION, 0);
});

test('a reload in the middle of a send sends once: the server lost it', async ({ open, server }) => {
  const alice = await Person.signIn(await open(), server.url, 'alice');
  const bob = await Person.signIn(await open(), server.url, 'bob');
  await alice.startChat('bob');
  await alice.say('before');
  await bob.hasUnread(CONVERSATION, 1);
  server.pause();
  await alice.say('once');
  await expect(alice.message('once')).toHaveAttribute('data-state', 'sending');
  await alice.kept();
  await server.kill();
  await server.again();
  await alice.page.reload();
  await alice.isIn();
  await expect(alice.message('once')).toHaveAttribute('data-state', 'sent');
  await bob.isOnline();
  await bob.hasUnread(CONVERSATION, 2);
  await bob.openConversation(CONVERSATION);
  for (const one of [alice, bob]) await one.reads(['before', 'once']);
});

test('a message that is on its way is shown as such after a reload', async ({ open, server }) => {
  const alice = await Person.signIn(await open(), server.url, 'alice');
  await alice.startChat('bob');
  await alice.say('before');
  await expect(alice.message('before')).toHaveAttribute('data-state', 'sent');
  // Only the sockets are stalled: pages and calls are answered.
  await alice.page.routeWebSocket(/\/ws/, () => {});
  await alice.page.reload();
  await alice.say('patience');
  await alice.kept();
  await alice.page.reload();
  await expect(alice.message('patience')).toHaveAttribute('data-state', 'sending');
  await alice.reads(['before', 'patience']);
  await alice.page.close();
  const again = await alice.page.context().newPage();
  await again.goto(server.url);
  const back = new Person(again, 'alice');
  await back.openConversation(CONVERSATION);
  await expect(back.message('patience')).toHaveAttribute('data-state', 'sent');
  await back.reads(['before', 'patience']);
});

test('a message that is refused can be retried', async ({ open, server }) => {
  const bob = await rest(server.url, 'bob');
  const { id } = await bob.createGroup({ name: 'Club', member_ids: ['alice'] });
  const alice = await Person.signIn(await open(), server.url, 'alice');
  await alice.openConversation(`sg_${id}`);
  await alice.page.context().setOffline(true);
  for (const text of ['unwelcome', 'unwanted']) await alice.say(text);
  await bob.kick(id, 'alice');
  await alice.page.context().setOffline(false);
  await expect(alice.message('unwelcome')).toHaveAttribute('data-state', 'failed');
  await expect(alice.message('unwanted')).toHaveAttribute('data-state', 'failed');
  await (await rest(server.url, 'alice')).joinGroup(id);
  await alice.message('unwelcome').getByRole('button', { name: 'Retry' }).click();
  await expect(alice.message('unwelcome')).toHaveAttribute('data-state', 'sent');
  await alice.message('unwanted').getByRole('button', { name: 'Discard' }).click();
  await alice.reads(['unwelcome']);
  const { messages } = await bob.pull({ conversation_id: `sg_${id}` });
  expect(messages.map(({ content }) => content.text)).toEqual(['unwelcome']);
});
