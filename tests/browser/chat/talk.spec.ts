/** People talk: two of them, hostile ones, with pictures. */

import { numbers, register, rest, tell } from '../../../sdk/typescript/test/support/rest.js';
import { Person } from '../support/person.js';
import { expect, test } from '../support/test.js';

const CONVERSATION = 'si_alice:bob';

test('two people talk', async ({ open, server }) => {
  const alice = await Person.signUp(await open(), server.url, 'alice', 'Alice');
  const bob = await Person.signUp(await open(), server.url, 'bob', 'Bob');
  await alice.startChat('bob');
  await alice.say('Hello Bob, 你好 👋');
  await expect(alice.message('Hello Bob')).toHaveAttribute('data-state', 'sent');
  await bob.hasUnread(CONVERSATION, 1);
  await expect(bob.row(CONVERSATION)).toContainText('Alice');
  await bob.openConversation(CONVERSATION);
  await bob.reads(['Hello Bob, 你好 👋']);
  await bob.hasUnread(CONVERSATION, 0);
  await bob.say('Hello Alice');
  await bob.say('How are you?');
  await alice.say('Fine\nand you?');
  for (const one of [alice, bob]) {
    await one.reads(['Hello Bob, 你好 👋', 'Hello Alice', 'How are you?', 'Fine\nand you?']);
    await one.allOwnAre('sent');
    await one.hasUnread(CONVERSATION, 0);
    await expect(one.messages.last()).toHaveAttribute('data-seq', '4');
  }
  const elsewhere = await rest(server.url, 'bob');
  await expect.poll(async () => (await elsewhere.unreadCount(CONVERSATION)).unread_count).toBe(0);
});

test('a conversation outlives a reload', async ({ open, server }) => {
  const alice = await Person.signUp(await open(), server.url, 'alice');
  await register(server.url, 'bob');
  await alice.startChat('bob');
  await alice.say('one');
  await alice.say('two');
  await expect(alice.message('two')).toHaveAttribute('data-state', 'sent');
  await alice.page.reload();
  await alice.isIn();
  await alice.reads(['one', 'two']);
});

test('hostile text is shown as text', async ({ open, server }) => {
  const hostile = [
    '<script>window.struck = 1</script>',
    '<img src=x onerror="window.struck = 1">',
    '</article><iframe srcdoc="<script>parent.struck = 1</script>">',
    '{{constructor.constructor("window.struck = 1")()}}',
    'left \u202Ethgir ot\u202C and on',
    'a'.repeat(10_000),
    'many words '.repeat(900).trim(),
  ];
  await register(server.url, 'mallory', '<b onclick="struck=1">M</b>');
  // So high that all is drawn.
  const alice = await Person.signUp(await open({ viewport: { width: 1280, height: 9_000 } }), server.url, 'alice');
  const mallory = await rest(server.url, 'mallory');
  await tell(mallory, 'alice', hostile);
  await alice.hasUnread('si_alice:mallory', hostile.length);
  await alice.openConversation('si_alice:mallory');
  await alice.reads(hostile);
  await alice.fits();
  await expect(alice.page.getByRole('heading', { name: '<b onclick="struck=1">M</b>' })).toBeVisible();
  expect(await alice.page.evaluate(() => 'struck' in window)).toBe(false);
  for (const width of [800, 390]) {
    await alice.page.setViewportSize({ width, height: 844 });
    await alice.fits();
  }
});

test('long text is sent whole', async ({ open, server }) => {
  const alice = await Person.signUp(await open(), server.url, 'alice');
  await register(server.url, 'bob');
  await alice.startChat('bob');
  const text = 'x'.repeat(10_000);
  await alice.say(text);
  await expect(alice.messages).toHaveAttribute('data-state', 'sent');
  await alice.reads([text]);
  await alice.fits();
});

test('only addresses of the web become links', async ({ open, server }) => {
  await register(server.url, 'mallory');
  const alice = await Person.signUp(await open(), server.url, 'alice');
  const texts = ['javascript:alert(1)', 'data:text/html,<script>alert(1)</script>', 'file:///etc/passwd', 'see https://example.com/a?b=c.'];
  await tell(await rest(server.url, 'mallory'), 'alice', texts);
  await alice.openConversation('si_alice:mallory');
  await alice.reads(texts);
  const links = alice.page.getByRole('log').getByRole('link');
  await expect(links).toHaveCount(1);
  await expect(links).toHaveAttribute('href', 'https://example.com/a?b=c');
  await expect(links).toHaveAttribute('rel', /noopener/);
});

test('an image is shown by its address, and a broken one has a placeholder', async ({ open, pages, server, watch }) => {
  watch.expect(/status of 404 .*nothing\.svg/);
  const alice = await Person.signUp(await open(), server.url, 'alice');
  const bob = await Person.signUp(await open(), server.url, 'bob');
  await alice.startChat('bob');
  for (const name of ['picture.svg', 'nothing.svg']) {
    await alice.page.getByRole('button', { name: 'Send image' }).click();
    const dialog = alice.page.getByRole('dialog', { name: 'Send image' });
    await dialog.getByLabel('Image URL', { exact: true }).fill(`${pages.origin}/${name}`);
    await dialog.getByRole('button', { name: 'Send image' }).click();
    await expect(dialog).toBeHidden();
  }
  await bob.openConversation(CONVERSATION);
  for (const one of [alice, bob]) {
    const image = one.messages.first().getByRole('img', { name: 'Image' });
    await expect(image).toBeVisible();
    await expect.poll(() => image.evaluate((shown: HTMLImageElement) => shown.naturalWidth)).toBeGreaterThan(0);
    await expect(image).toHaveAttribute('referrerpolicy', 'no-referrer');
    await expect(one.messages.last()).toContainText('Image cannot be shown');
  }
  expect(pages.referers, 'whoever serves an image does not learn where it is shown').toEqual([]);
});

test('an address that is none of the web is no image', async ({ open, server }) => {
  const alice = await Person.signUp(await open(), server.url, 'alice');
  await register(server.url, 'mallory');
  const api = await rest(server.url, 'mallory');
  // The server refuses other schemes; a path would be one of this very server.
  for (const image_url of ['/user/info', 'picture.svg']) {
    await api.send({ client_msg_id: crypto.randomUUID(), recv_id: 'alice', session_type: 1, msg_type: 2, content: { image_url } });
  }
  await alice.openConversation('si_alice:mallory');
  await expect(alice.messages).toHaveCount(2);
  await expect(alice.messages.getByRole('img', { name: 'Image' })).toHaveCount(0);
  await expect(alice.messages.first()).toContainText('Image cannot be shown');
});

test('who reads above sees how much came below', async ({ open, server }) => {
  await register(server.url, 'bob');
  const alice = await Person.signUp(await open(), server.url, 'alice');
  const bob = await rest(server.url, 'bob');
  await tell(bob, 'alice', numbers(60));
  await alice.openConversation(CONVERSATION);
  await alice.hasUnread(CONVERSATION, 0);
  await alice.page.getByRole('log', { name: 'Messages' }).press('PageUp');
  const jump = alice.page.getByRole('button', { name: 'Jump to the latest' });
  await expect(jump).toBeVisible();
  await expect(alice.page.locator('.jump .badge')).toHaveCount(0);
  await tell(bob, 'alice', ['below', 'further below']);
  await expect(alice.page.locator('.jump .badge')).toHaveText('2');
  await jump.click();
  await expect(alice.message('further below')).toBeInViewport();
  await expect(jump).toHaveCount(0);
  await alice.hasUnread(CONVERSATION, 0);
  // A little above it is worth a button only if something is new.
  await alice.page.getByRole('log', { name: 'Messages' }).hover();
  await alice.page.mouse.wheel(0, -150);
  await expect(alice.message('further below')).not.toBeInViewport();
  await expect(jump).toHaveCount(0);
  await tell(bob, 'alice', ['new']);
  await expect(alice.page.locator('.jump .badge')).toHaveText('1');
});

test('who goes up as soon as a conversation is shown is not pulled down again', async ({ open, server }) => {
  const alice = await Person.signUp(await open(), server.url, 'alice');
  // What pulls is there for a moment: one try may miss it.
  const peers = Array.from({ length: 8 }, (_, at) => `bob${at}`);
  for (const peer of peers) {
    await register(server.url, peer);
    await tell(await rest(server.url, peer), 'alice', numbers(60));
  }
  const jump = alice.page.getByRole('button', { name: 'Jump to the latest' });
  for (const peer of peers) {
    await alice.openConversation(`si_alice:${peer}`);
    await alice.focusesTheEnd();
    await alice.page.keyboard.press('PageUp');
    await expect(jump, `above in the talk with ${peer}`).toBeVisible();
    await alice.page.goto(`${server.url}/#/`);
    await expect(alice.composer).toHaveCount(0);
  }
});

test('an address of nobody says so, and offers nothing to write with', async ({ open, server }) => {
  const alice = await Person.signUp(await open(), server.url, 'alice');
  for (const [id, said] of [['si_alice:nobody', 'Unknown user'], ['sg_12345', 'Unknown group']] as const) {
    await alice.page.goto(`${server.url}/#/c/${id}`);
    await expect(alice.page.locator('main').getByText(said).last()).toBeVisible();
    await expect(alice.composer).toHaveCount(0);
  }
});
