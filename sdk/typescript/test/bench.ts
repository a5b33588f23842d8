/** How fast missed messages come: a message is counted when the application was told of it. */

import { MemoryStore, NexoClient } from '../src/index.js';
import { options, until } from './support/people.js';
import { login, register, rest } from './support/rest.js';
import { Server } from './support/server.js';

const CONVERSATIONS = 4;
const MESSAGES = 10_000;
const ROUNDS = 3;

const server = await Server.start();
try {
  await register(server.url, 'reader');
  for (let at = 0; at < CONVERSATIONS; at++) await write(`writer${at}`);
  for (const [what, count] of [
    ['one conversation', 1],
    [`${CONVERSATIONS} conversations`, CONVERSATIONS],
  ] as const) {
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round++) rates.push(await read(count));
    const shown = rates.map((rate) => Math.round(rate).toLocaleString('en')).join(', ');
    console.log(`${(count * MESSAGES).toLocaleString('en')} messages of ${what}: ${shown} messages/s`);
  }
} finally {
  await server.remove();
}

async function write(user: string): Promise<void> {
  await register(server.url, user);
  const api = await rest(server.url, user);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < MESSAGES) {
      const text = `message ${next} of ${user}, about as long as what people write`;
      await api.send({ client_msg_id: String(next++), recv_id: 'reader', session_type: 1, msg_type: 1, content: { text } });
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
}

/** A client that was away for all the messages of the first `count` conversations and none of the others. */
async function read(count: number): Promise<number> {
  const store = new MemoryStore();
  const conversations = await (await rest(server.url, 'reader', 2)).conversations();
  const kept = conversations.items.filter(({ peer_user_id }) => Number(peer_user_id.slice(6)) >= count);
  const unread = { read_seq: 0, base: 0, counted_seq: MESSAGES, beyond: [] };
  const record = (settings: object): object => ({ settings, cursor: MESSAGES, target: MESSAGES, unread, unsent_read: 0 });
  await store.write(kept.map((settings) => [`u/reader/c/${settings.conversation_id}`, record(settings)]));
  const client = new NexoClient(options(server.url, { store, history: 'deliver' }));
  let seen = 0;
  client.on('messages', (messages) => (seen += messages.length));
  await client.login(login('reader'));
  const begun = performance.now();
  client.connect();
  await until(() => seen >= count * MESSAGES, 'all messages are read', 120_000);
  const seconds = (performance.now() - begun) / 1_000;
  await client.close();
  return seen / seconds;
}
