import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { NexoClient, NoAnswer } from '../../src/index.js';
import { FakeSocket } from '../support/fakes.js';

const world = globalThis as { WebSocket?: unknown };
const theirs = world.WebSocket;
afterEach(() => {
  world.WebSocket = theirs;
});

test('the WebSocket of the platform is used if there is one', () => {
  world.WebSocket = FakeSocket;
  assert.equal(new NexoClient({ url: 'http://nexo' }).state, 'offline');
});

test('a platform without a WebSocket says what is missing', () => {
  delete world.WebSocket;
  assert.throws(() => new NexoClient({ url: 'http://nexo' }), /package ws/);
});

test('without a login nothing is sent, and there is nothing to see', async () => {
  const client = new NexoClient({ url: 'http://nexo', WebSocket: FakeSocket });
  assert.throws(() => client.connect(), /nobody is logged in/);
  assert.throws(() => client.sendText({ recv_id: 'bob' }, 'hello'), /nobody is logged in/);
  assert.equal(await client.resume(), false);
  assert.deepEqual([client.conversations(), client.outgoing(), client.user_id, client.isSynced], [[], [], undefined, false]);
  await client.close();
});

test('a server that is not there, or is another one, gives no answer', async () => {
  const answers = [
    () => Promise.reject(new TypeError('refused')),
    () => Promise.resolve(new Response('<html>')),
    () => Promise.resolve(Response.json([1])),
  ];
  for (const fetch of answers) {
    const client = new NexoClient({ url: 'http://nexo', WebSocket: FakeSocket, fetch });
    await assert.rejects(client.login({ user_id: 'ann', password: 'correct horse', platform_id: 5 }), NoAnswer);
    await client.close();
  }
});
