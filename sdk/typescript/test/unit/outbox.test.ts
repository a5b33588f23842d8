import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NexoError, NoAnswer } from '../../src/errors.js';
import { Outbox, type Outgoing, type OutboxParts } from '../../src/outbox.js';
import type { Message, Send } from '../../src/types.js';
import { turns } from '../support/fakes.js';
import { until } from '../support/people.js';

/** A server that answers as the test says, and stores each client_msg_id once. */
class Shelf {
  readonly stored: Message[] = [];
  readonly answers: (Error | 'lost' | 'stored')[] = [];
  tries = 0;

  transmit = (send: Send): Promise<Message> => {
    this.tries += 1;
    const answer = this.answers.shift() ?? 'stored';
    if (answer instanceof Error) return Promise.reject(answer);
    let message = this.stored.find(({ client_msg_id }) => client_msg_id === send.client_msg_id);
    if (!message) {
      const names = { conversation_id: 'si_ann:bob', sender_id: 'ann', recv_id: 'bob', group_id: '' };
      message = { ...send, ...names, seq: this.stored.length + 1, send_at: 0 };
      this.stored.push(message);
    }
    return answer === 'lost' ? Promise.reject(new NoAnswer('lost')) : Promise.resolve(message);
  };
}

function outbox(shelf: Shelf, more: Partial<OutboxParts> = {}): { box: Outbox; kept: Map<string, Outgoing>; changes: string[] } {
  const kept = new Map<string, Outgoing>();
  const changes: string[] = [];
  const box = new Outbox({
    me: 'ann',
    random: () => 0,
    transmit: shelf.transmit,
    keep: (outgoing) => Promise.resolve(void kept.set(outgoing.client_msg_id, { ...outgoing })),
    drop: (outgoing) => Promise.resolve(void kept.delete(outgoing.client_msg_id)),
    changed: ({ client_msg_id, state }) => changes.push(`${client_msg_id} ${state}`),
    stored: () => {},
    failed: () => {},
    ...more,
  });
  return { box, kept, changes };
}

function text(client_msg_id: string): Send {
  return { client_msg_id, recv_id: 'bob', session_type: 1, msg_type: 1, content: { text: client_msg_id } };
}

test('what is sent while there is no connection goes out, in order, when there is one', async () => {
  const shelf = new Shelf();
  const { box, kept } = outbox(shelf);
  const sent = ['a', 'b', 'c'].map((id) => box.add(text(id)));
  await turns();
  assert.equal(shelf.tries, 0);
  assert.equal(kept.size, 3);
  box.open();
  const messages = await Promise.all(sent.map(({ stored }) => stored));
  assert.deepEqual(messages.map(({ seq }) => seq), [1, 2, 3]);
  assert.equal(kept.size, 0);
});

test('a lost answer, a limit and an outage are tried again, and overtaken by nothing', async () => {
  const shelf = new Shelf();
  shelf.answers.push('lost', new NexoError(1006, 'too many', 0, 10), new NexoError(1002, 'not now'), 'stored', 'stored');
  const { box } = outbox(shelf);
  box.open();
  const sent = ['a', 'b'].map((id) => box.add(text(id)));
  await Promise.all(sent.map(({ stored }) => stored));
  assert.deepEqual(shelf.stored.map(({ client_msg_id }) => client_msg_id), ['a', 'b']);
  assert.equal(shelf.tries, 5);
});

test('a refusal fails that message only, and it stays until it is retried or discarded', async () => {
  const shelf = new Shelf();
  shelf.answers.push(new NexoError(3004, 'kicked'));
  const { box, kept, changes } = outbox(shelf);
  box.open();
  const [bad, good] = [box.add(text('bad')), box.add(text('good'))];
  await assert.rejects(bad.stored, NexoError);
  await good.stored;
  assert.equal(kept.get('bad')?.state, 'failed');
  assert.equal(box.list()[0]?.error?.code, 3004);
  box.retry('bad');
  await until(() => box.list().length === 0, 'it is stored');
  assert.deepEqual(changes, ['bad sending', 'good sending', 'bad failed', 'good sent', 'bad sending', 'bad sent']);
});

test('what another outbox kept goes out in its order', async () => {
  const shelf = new Shelf();
  const first = outbox(shelf);
  for (const id of ['c', 'a', 'b']) first.box.add(text(id));
  const second = outbox(shelf);
  second.box.load([...first.kept.values()].toReversed());
  second.box.open();
  second.box.add(text('d'));
  await until(() => second.box.list().length === 0, 'all are stored');
  assert.deepEqual(shelf.stored.map(({ client_msg_id }) => client_msg_id), ['c', 'a', 'b', 'd']);
});

test('a message that comes back by another way is done, and not sent again', async () => {
  const shelf = new Shelf();
  shelf.answers.push('lost');
  const { box } = outbox(shelf);
  box.open();
  const sent = box.add(text('a'));
  await until(() => shelf.stored.length === 1, 'it is stored');
  box.shut();
  const [message] = shelf.stored;
  assert.ok(message);
  box.settle({ ...message, sender_id: 'bob' });
  assert.equal(box.list().length, 1, 'the id of another sender is another message');
  box.settle(message);
  assert.equal((await sent.stored).seq, 1);
  box.open();
  await turns();
  assert.equal(shelf.tries, 1);
});

test('the same client_msg_id handed in twice is one message', async () => {
  const shelf = new Shelf();
  const { box } = outbox(shelf);
  const [first, second] = [box.add(text('a')), box.add(text('a'))];
  box.open();
  assert.deepEqual(await first.stored, await second.stored);
  assert.equal(shelf.stored.length, 1);
});

test('a store that cannot write costs the safety of a reload, and not the message', async () => {
  const shelf = new Shelf();
  const errors: unknown[] = [];
  const { box } = outbox(shelf, { keep: () => Promise.reject(new Error('full')), failed: (error) => errors.push(error) });
  box.open();
  assert.equal((await box.add(text('a')).stored).seq, 1);
  assert.equal(errors.length, 1);
});
