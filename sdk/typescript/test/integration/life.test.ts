/** A client from day to day: reloads, tokens, groups, what is read. */

import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual, promisify } from 'node:util';
import { Code, groupId, IndexedDbStore, MemoryStore, NexoError, type Outgoing, singleId } from '../../src/index.js';
import { options, Person, until } from '../support/people.js';
import { Proxy } from '../support/proxy.js';
import { login, numbers, register, rest } from '../support/rest.js';
import { ROOT, Server } from '../support/server.js';

let server: Server;
before(async () => {
  server = await Server.start();
  for (const user of ['ann', 'ben', 'cat', 'dan', 'eve', 'fay', 'gus', 'hal', 'ida', 'jim', 'kim', 'leo', 'mia', 'nia', 'oli']) {
    await register(server.url, user);
  }
});
after(() => server.remove());

test('the example of the README runs', async () => {
  const readme = readFileSync(join(ROOT, 'sdk/typescript/README.md'), 'utf8');
  const [, example = ''] = /```js\n([^]*?)```/.exec(readme) ?? [];
  assert.ok(example.trim().split('\n').length <= 20);
  const folder = mkdtempSync(join(ROOT, 'sdk/typescript/build/example-'));
  writeFileSync(join(folder, 'example.mjs'), example);
  const env = { PATH: process.env['PATH'], NEXO_URL: server.url };
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'example.mjs')], { env, timeout: 60_000 });
  rmSync(folder, { recursive: true });
  const lines = stdout.trim().split('\n').toSorted();
  assert.deepEqual(lines, [
    'alice sees alice: Hello Bob',
    'alice sees bob: Hello Alice',
    'bob sees alice: Hello Bob',
    'bob sees bob: Hello Alice',
    'stored as 1; alice has 1 unread',
  ]);
});

test('what was being sent when the page was reloaded is stored once and in order', async () => {
  const proxy = await Proxy.before(server.port);
  const first = await Person.online('ann', options(proxy.url, { store: new IndexedDbStore('reload') }));
  proxy.silence();
  const sent = numbers(20).map((text) => first.client.sendText({ recv_id: 'ben' }, text));
  await Promise.all(sent.map(({ kept }) => kept));
  await first.client.close();
  proxy.mend();

  const second = new Person('ann', options(proxy.url, { store: new IndexedDbStore('reload') }));
  const states = new Map<string, Outgoing['state']>();
  second.client.on('outgoing', ({ client_msg_id, state }) => states.set(client_msg_id, state));
  assert.equal(await second.client.resume(), true);
  assert.equal(second.client.outgoing().length, 20);
  second.client.connect();
  await second.has(20);
  assert.deepEqual(second.texts(), numbers(20));
  assert.deepEqual(sent.map(({ client_msg_id }) => states.get(client_msg_id)), sent.map(() => 'sent'));
  const { messages } = await (await rest(server.url, 'ben')).pull({ conversation_id: singleId('ann', 'ben') });
  assert.deepEqual(messages.map(({ content }) => content.text), numbers(20));
  await until(() => second.client.outgoing().length === 0, 'the outbox is empty');
  await second.client.close();
  await proxy.close();
});

test('after a reload nothing comes again, and what was missed comes', async () => {
  const store = new MemoryStore();
  const api = await rest(server.url, 'cat');
  const send = (at: number) =>
    api.send({ client_msg_id: `r${at}`, recv_id: 'dan', session_type: 1, msg_type: 1, content: { text: String(at) } });
  await send(1);
  const first = await Person.online('dan', options(server.url, { store }));
  assert.deepEqual(first.texts(), [], 'what was there before is history');
  await send(2);
  await first.has(1);
  await first.client.close();
  await send(3);
  const second = new Person('dan', options(server.url, { store }));
  await second.client.resume();
  second.client.connect();
  await send(4);
  await second.has(2);
  await second.synced();
  assert.deepEqual([...first.texts(), ...second.texts()], ['2', '3', '4']);
  assert.deepEqual((await second.client.history(singleId('cat', 'dan'))).map(({ seq }) => seq), [1, 2, 3, 4]);
  assert.deepEqual((await second.client.history(singleId('cat', 'dan'), { before_seq: 4, limit: 2 })).map(({ seq }) => seq), [2, 3]);
  await second.client.close();
});

test('a token is refreshed before it ends, and the socket stays', async () => {
  const short = await Server.start({ AUTH__TOKEN_TTL_S: '4' });
  await register(short.url, 'ann');
  const ann = await Person.online('ann', options(short.url));
  const states: string[] = [];
  ann.client.on('state', (state) => states.push(state));
  const begun = Date.now();
  await until(() => Date.now() - begun > 9_000, 'two lives of a token are over');
  assert.equal((await ann.client.api.me()).user_id, 'ann');
  await ann.client.sendText({ recv_id: 'ann' }, 'still here').stored;
  assert.deepEqual(states, []);
  assert.deepEqual(ann.errors, []);
  await ann.client.close();
  await short.remove();
});

test('a token that ended while nobody was there asks for a login, or is replaced by one', async () => {
  const store = new MemoryStore();
  const eve = await Person.online('eve', options(server.url, { store }));
  eve.client.disconnect();
  await eve.client.api.logout();
  const ended = eve.client.next('signed_out');
  eve.client.connect();
  assert.deepEqual(await ended, { reason: 'expired' });
  await eve.client.close();

  const bot = await Person.online('eve', options(server.url, { credentials: () => Promise.resolve(login('eve')) }));
  await bot.client.api.logout();
  await until(() => bot.client.isSynced && bot.client.state === 'online', 'the bot is back');
  await bot.client.sendText({ recv_id: 'eve' }, 'here again').stored;
  await bot.client.close();
});

test('a group is there for those who are in it, with what they may see', async () => {
  const fay = await Person.online('fay', options(server.url));
  const gus = await Person.online('gus', options(server.url));
  const { id } = await fay.client.api.createGroup({ name: 'Three', member_ids: [] });
  for (const text of numbers(3, 'before ')) await fay.client.sendText({ group_id: id }, text).stored;
  await gus.client.api.joinGroup(id);
  await fay.client.sendText({ group_id: id }, 'hello gus').stored;
  await gus.has(1);
  await fay.client.api.kick(id, 'gus');
  for (const text of numbers(3, 'between ')) await fay.client.sendText({ group_id: id }, text).stored;
  await gus.client.api.joinGroup(id);
  await fay.client.sendText({ group_id: id }, 'hello again').stored;
  await gus.has(2);
  await gus.synced();
  assert.deepEqual(gus.texts(), ['hello gus', 'hello again']);
  assert.deepEqual((await gus.client.history(groupId(id), { limit: 2 })).map(({ content }) => content.text), ['hello gus', 'hello again']);
  const api = await rest(server.url, 'gus');
  const theirs = await api.conversation(groupId(id));
  await until(() => gus.client.conversation(groupId(id))?.unread_count === theirs.unread_count, 'counts are equal');
  await Promise.all([fay.client.close(), gus.client.close()]);
});

test('what is read here or elsewhere is read in the list', async () => {
  const hal = await Person.online('hal', options(server.url));
  const ida = await Person.online('ida', options(server.url));
  const id = singleId('hal', 'ida');
  const unread = (): number | undefined => ida.client.conversation(id)?.unread_count;
  for (const text of numbers(5)) await hal.client.sendText({ recv_id: 'ida' }, text).stored;
  await until(() => unread() === 5, 'five are unread');
  await (await rest(server.url, 'ida')).markRead(id, 2);
  await until(() => unread() === 3, 'three are unread');
  ida.client.disconnect();
  ida.client.markRead(id);
  assert.equal(unread(), 0);
  ida.client.connect();
  const elsewhere = await rest(server.url, 'ida', 2);
  await until(async () => (await elsewhere.readState(id)).unread_count === 0, 'the server knows');
  await ida.client.configure(id, { is_pinned: true });
  await until(() => ida.client.conversations()[0]?.is_pinned === true, 'it is pinned');
  const settings = (): unknown[] => [ida.client.conversation(id)?.is_pinned, ida.client.conversation(id)?.recv_msg_opt];
  await elsewhere.updateConversation(id, { is_pinned: false, recv_msg_opt: 2 });
  await until(() => isDeepStrictEqual(settings(), [false, 2]), 'what another device sets is seen here', 30_000, settings);
  ida.client.disconnect();
  await elsewhere.updateConversation(id, { is_pinned: true, recv_msg_opt: 1 });
  ida.client.connect();
  await until(() => isDeepStrictEqual(settings(), [true, 1]), 'what was set meanwhile is recovered', 30_000, settings);
  await Promise.all([hal.client.close(), ida.client.close()]);
});

test('what the server refuses has failed, is kept, and can be tried again', async () => {
  const store = new MemoryStore();
  const jim = await Person.online('jim', options(server.url, { store }));
  const { id } = await (await rest(server.url, 'kim')).createGroup({ name: 'Closed' });
  const refused = jim.client.sendText({ group_id: id }, 'let me in');
  const good = jim.client.sendText({ recv_id: 'kim' }, 'let me in, please');
  await assert.rejects(refused.stored, (error) => error instanceof NexoError && error.code === Code.NotAMember);
  await good.stored;
  await jim.client.close();
  const again = new Person('jim', options(server.url, { store }));
  await again.client.resume();
  again.client.connect();
  await again.synced();
  assert.deepEqual(again.client.outgoing().map(({ client_msg_id, state }) => [client_msg_id, state]), [[refused.client_msg_id, 'failed']]);
  await again.client.api.joinGroup(id);
  again.client.retry(refused.client_msg_id);
  await again.has(1);
  assert.deepEqual(again.texts(), ['let me in']);
  const huge = again.client.sendText({ recv_id: 'kim' }, 'x'.repeat(100_000));
  await assert.rejects(huge.stored, (error) => error instanceof NexoError && error.code === Code.InvalidParameter);
  again.client.discard(huge.client_msg_id);
  assert.deepEqual(again.client.outgoing(), []);
  await again.client.close();
});

test('a position that the server does not take costs a look at the list, and nothing else', async () => {
  const store = new MemoryStore();
  const leo = await Person.online('leo', options(server.url, { store }));
  await leo.client.close();
  await store.write([['u/leo/position', { push_id: 'from another world', server: server.url }]]);
  const mia = await rest(server.url, 'mia');
  await mia.send({ client_msg_id: '1', recv_id: 'leo', session_type: 1, msg_type: 1, content: { text: 'hello' } });
  const again = new Person('leo', options(server.url, { store }));
  await again.client.resume();
  again.client.connect();
  await again.has(1);
  await again.synced();
  assert.deepEqual(again.texts(), ['hello']);
  await again.client.close();
});

test('who logs out and in again is told what came meanwhile, and nothing twice', async () => {
  const id = singleId('nia', 'oli');
  const nia = await Person.online('nia', options(server.url));
  const oli = await rest(server.url, 'oli');
  const send = (text: string) =>
    oli.send({ client_msg_id: text, recv_id: 'nia', session_type: 1, msg_type: 1, content: { text } });
  await send('1');
  await nia.has(1);
  await nia.client.logout();
  await send('2');
  // Another device has the platform for a while.
  const elsewhere = await rest(server.url, 'nia', 5);
  await elsewhere.send({ client_msg_id: 'mine', recv_id: 'oli', session_type: 1, msg_type: 1, content: { text: '3' } });
  await elsewhere.markRead(id, 2);
  await send('4');

  const recovered: boolean[] = [];
  nia.client.on('recovered', ({ whole }) => recovered.push(whole));
  await nia.client.login(login('nia'));
  nia.client.connect();
  await nia.has(4);
  await send('5');
  await nia.has(5);
  await nia.synced();
  assert.deepEqual(nia.texts(), numbers(5));
  assert.deepEqual(recovered, [true]);
  const theirs = await (await rest(server.url, 'nia')).conversation(id);
  await until(() => nia.client.conversation(id)?.unread_count === theirs.unread_count, 'counts are equal');
  assert.deepEqual(nia.errors, []);
  await nia.client.close();
});
