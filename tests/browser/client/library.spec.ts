/** The client library in a real browser, from a page of another origin: CORS, the check of the origin, IndexedDB, lost networks. */

import { numbers, register, rest, tell } from '../../../sdk/typescript/test/support/rest.js';
import { Lab } from '../support/lab.js';
import { expect, test } from '../support/test.js';
import { NETWORK_AWAY } from '../support/watch.js';

test.beforeEach(async ({ server }) => {
  await register(server.url, 'alice');
  await register(server.url, 'bob');
});

test('two pages of a listed origin talk', async ({ open, pages, server }) => {
  const alice = await Lab.open(await open(), pages.origin, server.url);
  const bob = await Lab.open(await open(), pages.origin, server.url);
  await alice.login('alice');
  await bob.login('bob');
  expect(await alice.send('bob', 'Hello Bob, 你好 👋')).toBe(1);
  await expect.poll(bob.texts).toEqual(['Hello Bob, 你好 👋']);
  expect(await bob.send('alice', 'Hello Alice')).toBe(2);
  await expect.poll(alice.texts).toEqual(['Hello Bob, 你好 👋', 'Hello Alice']);
  expect(await alice.unread()).toEqual([1]);
});

test('a page of another origin gets no answer and no connection', async ({ open, pages, server, watch }) => {
  watch.expect(/CORS policy|net::ERR_FAILED|WebSocket connection to .* failed/);
  // The same server by another name is another origin.
  const page = await open();
  await page.goto(pages.origin.replace('127.0.0.1', 'localhost'));
  const answered = page.evaluate(async (url) => (await fetch(`${url}/user/info`)).status, server.url);
  await expect(answered).rejects.toThrow('Failed to fetch');
  const { token } = await (await rest(server.url, 'alice')).refresh();
  const closed = await page.evaluate(
    ([url, token]) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, ['nexo.v1', `nexo.token.${token}`]);
        socket.onopen = () => resolve('opened');
        socket.onclose = () => resolve('closed');
      }),
    [server.url, token] as const,
  );
  expect(closed).toBe('closed');
});

test('the next page of a list is found across origins', async ({ open, pages, server }) => {
  const peers = numbers(3, 'peer');
  for (const peer of peers) await register(server.url, peer);
  const api = await rest(server.url, 'alice');
  for (const peer of peers) await tell(api, peer, ['hello']);
  const alice = await Lab.open(await open(), pages.origin, server.url);
  await alice.login('alice');
  const counts = await alice.run(async ({ api }) => {
    const first = await api.conversations({ limit: 2 });
    const second = await api.conversations({ limit: 2, cursor: first.next ?? 'none' });
    return [first.items.length, second.items.length];
  });
  expect(counts).toEqual([2, 1]);
});

test('what was sent into silence outlives a reload and is stored once', async ({ open, pages, server, watch }) => {
  watch.expect(NETWORK_AWAY);
  const alice = await Lab.open(await open(), pages.origin, server.url);
  const bob = await Lab.open(await open(), pages.origin, server.url);
  await alice.login('alice');
  await bob.login('bob');
  server.pause();
  const texts = numbers(20);
  for (const text of texts) await alice.keep('bob', text);
  await alice.reload();
  expect(await alice.resume()).toBe(true);
  expect(await alice.waiting()).toEqual(texts);
  server.resume();
  await expect.poll(bob.texts).toEqual(texts);
  await expect.poll(alice.texts).toEqual(texts);
  await expect.poll(alice.waiting).toEqual([]);
  expect(await bob.unread()).toEqual([20]);
});

test('what was sent while the server was dead is stored once it lives', async ({ open, pages, server, watch }) => {
  watch.expect(NETWORK_AWAY);
  const alice = await Lab.open(await open(), pages.origin, server.url);
  await alice.login('alice');
  await alice.send('bob', 'before');
  await server.kill();
  await alice.keep('bob', 'meanwhile');
  await alice.reload();
  expect(await alice.resume()).toBe(true);
  await alice.keep('bob', 'after the reload');
  await server.again();
  await expect.poll(alice.waiting).toEqual([]);
  const { messages } = await (await rest(server.url, 'bob')).pull({ conversation_id: 'si_alice:bob' });
  expect(messages.map(({ content }) => content.text)).toEqual(['before', 'meanwhile', 'after the reload']);
});

test('a page that was offline gets each message once and in order', async ({ open, pages, server, watch }) => {
  watch.expect(NETWORK_AWAY);
  const alice = await Lab.open(await open(), pages.origin, server.url);
  await alice.login('alice');
  const bob = await rest(server.url, 'bob');
  await tell(bob, 'alice', numbers(10));
  await expect.poll(alice.texts).toEqual(numbers(10));
  await alice.page.context().setOffline(true);
  await expect.poll(alice.state).not.toBe('online');
  await alice.keep('bob', 'from offline');
  await tell(bob, 'alice', numbers(10, 'missed '));
  await alice.page.context().setOffline(false);
  await expect.poll(alice.waiting).toEqual([]);
  await expect.poll(alice.texts).toEqual([...numbers(10), ...numbers(10, 'missed '), 'from offline']);
  expect(await alice.unread()).toEqual([0]);
});

test('a login elsewhere on the platform ends the one before, and is not fought', async ({ open, pages, server }) => {
  const alice = await Lab.open(await open(), pages.origin, server.url);
  await alice.login('alice');
  await rest(server.url, 'alice', 5);
  await expect.poll(alice.ended).toEqual(['replaced']);
  await alice.reload();
  expect(await alice.resume()).toBe(false);
});
