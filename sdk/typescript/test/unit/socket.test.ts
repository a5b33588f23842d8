import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { NexoError, NoAnswer } from '../../src/errors.js';
import { Socket } from '../../src/socket.js';
import { FakeSocket, turns } from '../support/fakes.js';

beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'] }));
afterEach(() => mock.timers.reset());

function socket(): { fake: FakeSocket; real: Socket; seen: string[] } {
  const fake = new FakeSocket();
  const seen: string[] = [];
  const real = new Socket(fake, { message: ({ seq }) => seen.push(`message ${seq}`), event: ({ event }) => seen.push(event) });
  return { fake, real, seen };
}

test('an answer finds its call, whatever comes in between', async () => {
  const { fake, real, seen } = socket();
  fake.greets();
  const [first, second] = [real.call('send', { a: 1 }), real.call('ping', undefined)];
  fake.says({ id: fake.sent[1]?.id, code: 0, msg: 'success', data: 'two' });
  fake.says({ conversation_id: 'si_a:b', seq: 7, push_id: 'p2' });
  fake.says({ id: fake.sent[0]?.id, code: 1006, msg: 'too many', data: null, retry_after_ms: 10 });
  assert.equal(await second, 'two');
  await assert.rejects(first, (error) => error instanceof NexoError && error.code === 1006 && error.retryAfterMs === 10);
  assert.deepEqual(seen, ['hello', 'message 7']);
  assert.deepEqual(fake.sent[0], { id: '1', op: 'send', data: { a: 1 } });
});

test('the end of a socket ends its calls, and nothing is heard of it any more', async () => {
  const { fake, real, seen } = socket();
  fake.greets();
  const call = real.call('send', {});
  fake.ends(1012);
  await assert.rejects(call, NoAnswer);
  assert.deepEqual(await real.ended, { code: 1012, opened: true });
  fake.says({ conversation_id: 'si_a:b', seq: 7, push_id: 'p2' });
  assert.deepEqual(seen, ['hello']);
});

test('nothing is sent into a socket that ends, and its end says why', async () => {
  const { fake, real } = socket();
  fake.greets();
  fake.readyState = 2;
  const call = real.call('send', {});
  void real.probe();
  assert.deepEqual(fake.sent, []);
  fake.ends(4001);
  await assert.rejects(call, NoAnswer);
  assert.deepEqual(await real.ended, { code: 4001, opened: true });
});

test('a handshake that nobody answers is given up', async () => {
  const { fake, real } = socket();
  mock.timers.tick(15_000);
  assert.deepEqual(await real.ended, { code: 1006, opened: false });
  assert.ok(fake.closed);
});

test('a server that went silent is asked, and dropped if it does not answer', async () => {
  const { fake, real } = socket();
  fake.greets();
  real.expect(30_000);
  mock.timers.tick(30_000);
  assert.deepEqual(fake.sent.map(({ op }) => op), ['ping']);
  mock.timers.tick(10_000);
  await turns();
  assert.deepEqual(await real.ended, { code: 1006, opened: true });
});

test('a server that answers, with whatever, is there', async () => {
  const { fake, real } = socket();
  fake.greets();
  real.expect(30_000);
  for (let round = 0; round < 5; round++) {
    mock.timers.tick(30_000);
    const { id } = fake.sent.at(-1) ?? assert.fail();
    fake.says({ id, code: 1002, msg: 'not now', data: null });
    await turns();
    mock.timers.tick(10_000);
    fake.says({ conversation_id: 'si_a:b', seq: round, push_id: 'p' });
    mock.timers.tick(20_000);
  }
  assert.equal(fake.sent.length, 5, 'it is asked only after a silence');
  assert.equal(fake.closed, false);
});

test('what is no frame of this protocol is let pass', () => {
  const { fake, seen } = socket();
  fake.greets();
  fake.says([1]);
  fake.says({ id: 'never asked', code: 0, msg: '', data: null });
  fake.says({ event: 'of a later version' });
  assert.deepEqual(seen, ['hello', 'of a later version']);
});
