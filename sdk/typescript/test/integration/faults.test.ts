/** What a user was promised, while servers die, networks fail and tokens are taken away. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MemoryStore, singleId } from '../../src/index.js';
import { options, Person, until } from '../support/people.js';
import { Proxy } from '../support/proxy.js';
import { login, numbers, register, rest } from '../support/rest.js';
import { Server } from '../support/server.js';

let server: Server;
before(async () => {
  server = await Server.start();
  for (const user of ['ann', 'bob', 'cat', 'dan', 'eve', 'fay', 'gus', 'hal']) await register(server.url, user);
});
after(() => server.remove());

test('a server that is killed again and again loses nothing, doubles nothing and keeps the order', async () => {
  const [ann, bob] = [await Person.online('ann', options(server.url)), await Person.online('bob', options(server.url))];
  const count = 300;
  const sent = (async () => {
    for (let at = 1; at <= count; at++) {
      ann.client.sendText({ recv_id: 'bob' }, `a${at}`);
      bob.client.sendText({ recv_id: 'ann' }, `b${at}`);
      if (at % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  for (const share of [0.1, 0.3, 0.6]) {
    await ann.has(2 * count * share);
    await server.kill();
    await server.again();
  }
  await sent;
  for (const person of [ann, bob]) {
    await person.has(2 * count);
    await person.synced();
    assert.deepEqual(person.texts().filter((text) => text.startsWith('a')), numbers(count, 'a'));
    assert.deepEqual(person.texts().filter((text) => text.startsWith('b')), numbers(count, 'b'));
    assert.deepEqual(person.messages.map(({ seq }) => seq), Array.from({ length: 2 * count }, (_, at) => at + 1));
    assert.deepEqual(person.client.outgoing(), []);
  }
  await Promise.all([ann.client.close(), bob.client.close()]);
});

test('a server that is stopped says so, and its clients come back', async () => {
  const cat = await Person.online('cat', options(server.url));
  const states: string[] = [];
  cat.client.on('state', (state) => states.push(state));
  await server.stop();
  const { stored } = cat.client.sendText({ recv_id: 'cat' }, 'note to self');
  await server.again();
  assert.equal((await stored).seq, 1);
  await cat.has(1);
  assert.deepEqual(cat.texts(), ['note to self']);
  assert.equal(states.at(-1), 'online');
  await cat.client.close();
});

test('a network that is cut or goes silent loses nothing', async () => {
  const proxy = await Proxy.before(server.port);
  const dan = await Person.online('dan', options(proxy.url));
  const eve = await Person.online('eve', options(server.url));
  for (const fault of ['cut', 'silence'] as const) {
    const had = dan.messages.length;
    proxy[fault]();
    dan.client.sendText({ recv_id: 'eve' }, `${fault} of dan`);
    await eve.client.sendText({ recv_id: 'dan' }, `${fault} of eve`).stored;
    assert.equal(dan.messages.length, had);
    proxy.mend();
    await dan.has(had + 2);
  }
  await eve.has(4);
  for (const person of [dan, eve]) {
    assert.deepEqual([...person.texts()].sort(), ['cut of dan', 'cut of eve', 'silence of dan', 'silence of eve']);
    assert.deepEqual(person.messages.map(({ seq }) => seq), [1, 2, 3, 4]);
  }
  await Promise.all([dan.client.close(), eve.client.close(), proxy.close()]);
});

test('ten thousand messages while away come whole, once and in order', async () => {
  const store = new MemoryStore();
  const fay = await Person.online('fay', options(server.url, { store }));
  const sender = await rest(server.url, 'gus');
  const text = (at: number): string => `while away ${at}`;
  const send = (at: number) =>
    sender.send({ client_msg_id: `m${at}`, recv_id: 'fay', session_type: 1, msg_type: 1, content: { text: text(at) } });
  await send(1);
  await fay.has(1);
  fay.client.disconnect();
  const count = 10_000;
  let next = 2;
  const worker = async (): Promise<void> => {
    while (next <= count) await send(next++);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  fay.client.connect();
  // Some more arrive while it catches up.
  for (let at = count + 1; at <= count + 50; at++) await send(at);
  await fay.has(count + 50, 60_000);
  await fay.synced();
  assert.deepEqual(fay.messages.map(({ seq }) => seq), Array.from({ length: count + 50 }, (_, at) => at + 1));
  assert.equal(new Set(fay.texts()).size, count + 50);
  const api = await rest(server.url, 'fay', 2);
  const id = singleId('fay', 'gus');
  await until(async () => fay.client.conversation(id)?.unread_count === (await api.readState(id)).unread_count, 'counts are equal');
  assert.equal(fay.client.conversation(id)?.unread_count, count + 50);
  await fay.client.close();
});

test('a client that is closed again and again while it catches up goes on where it was', async () => {
  const store = new MemoryStore();
  const seqs: number[] = [];
  const total = 10_050;
  for (let round = 0; seqs.length < total; round++) {
    const fay = new Person('fay', options(server.url, { store, history: 'deliver' }));
    if (round === 0) await fay.client.login(login('fay'));
    else assert.equal(await fay.client.resume(), true);
    fay.client.connect();
    await until(() => fay.messages.length >= Math.min(700, total - seqs.length), 'some more came');
    await fay.client.close();
    seqs.push(...fay.messages.map(({ seq }) => seq));
  }
  assert.deepEqual(seqs, Array.from({ length: total }, (_, at) => at + 1));
});

test('a second login ends the first client, whose device gets what it missed when it logs in again', async () => {
  const store = new MemoryStore();
  const first = await Person.online('hal', options(server.url, { store }));
  await first.client.sendText({ recv_id: 'gus' }, 'one').stored;
  await first.has(1);
  const ended = first.client.next('signed_out');
  const second = await Person.online('hal', options(server.url));
  assert.deepEqual(await ended, { reason: 'replaced' });
  assert.equal(first.client.state, 'offline');
  await second.client.sendText({ recv_id: 'gus' }, 'two').stored;
  assert.throws(() => first.client.sendText({ recv_id: 'gus' }, 'nobody'), /nobody is logged in/);

  const third = new Person('hal', options(server.url, { store }));
  assert.equal(await third.client.resume(), false);
  const secondEnded = second.client.next('signed_out');
  await third.client.login({ user_id: 'hal', password: 'correct horse', platform_id: 5 });
  third.client.connect();
  assert.deepEqual(await secondEnded, { reason: 'replaced' });
  await third.has(1);
  await third.synced();
  assert.deepEqual(third.texts(), ['two']);
  await Promise.all([first.client.close(), second.client.close(), third.client.close()]);
});
