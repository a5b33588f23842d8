import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Backoff } from '../../src/backoff.js';
import { Connection, type ConnectionParts, type Probe } from '../../src/connection.js';
import { FakeSocket, turns } from '../support/fakes.js';

let said: string[];
beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  FakeSocket.opened.length = 0;
  said = [];
});
afterEach(() => mock.timers.reset());

function connection(more: Partial<ConnectionParts> = {}): Connection {
  return new Connection({
    url: 'http://nexo',
    WebSocket: FakeSocket,
    backoff: new Backoff({ firstMs: 1_000, longestMs: 8_000 }, () => 0.5),
    token: () => 'token',
    after: () => undefined,
    forget: () => said.push('forget'),
    probe: () => Promise.resolve<Probe>({ token: 'unknown' }),
    renew: () => Promise.resolve(false),
    message: () => {},
    event: () => {},
    hello: (_, log) => said.push(`the log ${log}`),
    state: (state) => said.push(state),
    givenUp: (why) => said.push(`given up: ${why}`),
    failed: (error) => said.push(`failed: ${String(error)}`),
    ...more,
  });
}

const socket = (): FakeSocket => FakeSocket.opened.at(-1) ?? assert.fail('no socket');

async function ends(code: number): Promise<void> {
  socket().ends(code);
  await turns();
}

async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await turns();
}

test('it shows its token as a subprotocol, and its position', async () => {
  connection({ after: () => 'p/1' }).start();
  assert.equal(socket().url, 'ws://nexo/ws?after=p%2F1');
  assert.deepEqual(socket().protocols, ['nexo.v1', 'nexo.token.token']);
  socket().greets();
  assert.deepEqual(said, ['connecting', 'the log goes on'], 'not online before it is recovered');
  socket().says({ event: 'recovered', whole: true, push_id: 'p2' });
  assert.deepEqual(said, ['connecting', 'the log goes on', 'online']);
});

test('a replaced login does not come back', async () => {
  connection().start();
  socket().greets();
  await ends(4001);
  await pass(1_000_000);
  assert.deepEqual(said, ['connecting', 'the log begins', 'online', 'offline', 'given up: replaced']);
  assert.equal(FakeSocket.opened.length, 1);
});

test('an ended token is renewed before it comes back, or ends it', async () => {
  const answers = [true, false];
  const asked: string[] = [];
  connection({
    renew: (refused) => {
      asked.push(refused);
      return Promise.resolve(answers.shift() ?? assert.fail());
    },
  }).start();
  socket().greets();
  await ends(4002);
  await pass(0);
  assert.equal(FakeSocket.opened.length, 2);
  socket().greets();
  await ends(4002);
  assert.equal(said.at(-1), 'given up: expired');
  assert.deepEqual(asked, ['token', 'token']);
});

test('after each failure it waits longer, and after a steady connection it starts over', async () => {
  connection().start();
  for (const delay of [750, 1_500, 3_000, 6_000, 6_000]) {
    const before = FakeSocket.opened.length;
    socket().greets();
    await ends(1006);
    await pass(delay - 1);
    assert.equal(FakeSocket.opened.length, before);
    await pass(1);
    assert.equal(FakeSocket.opened.length, before + 1);
  }
  socket().greets();
  await pass(10_000);
  await ends(1006);
  const before = FakeSocket.opened.length;
  await pass(750);
  assert.equal(FakeSocket.opened.length, before + 1);
});

test('a server that restarts is not stormed: the delay is random from its first moment', async () => {
  for (const share of [0, 0.9]) {
    const one = connection({ backoff: new Backoff({ firstMs: 1_000, longestMs: 8_000 }, () => share) });
    one.start();
    socket().greets();
    const before = FakeSocket.opened.length;
    await ends(1012);
    if (share > 0) await pass(2_000 * share - 1);
    assert.equal(FakeSocket.opened.length, before);
    await pass(1);
    assert.equal(FakeSocket.opened.length, before + 1);
    one.stop();
  }
});

test('too many connections wait long', async () => {
  connection().start();
  socket().greets();
  await ends(4013);
  await pass(5_999);
  assert.equal(FakeSocket.opened.length, 1);
  await pass(1);
  assert.equal(FakeSocket.opened.length, 2);
});

test('a refused handshake waits as long as the server says', async () => {
  connection({ probe: () => Promise.resolve({ token: 'unknown', retryAfterMs: 20_000 }) }).start();
  await ends(1006);
  await pass(19_999);
  assert.equal(FakeSocket.opened.length, 1);
  await pass(5_000);
  assert.equal(FakeSocket.opened.length, 2);
});

test('a handshake that is refused with a good token gives up the position', async () => {
  connection({ probe: () => Promise.resolve({ token: 'good' }) }).start();
  for (let round = 0; round < 3; round++) {
    assert.ok(!said.includes('forget'));
    await ends(1006);
    await pass(10_000);
  }
  assert.ok(said.includes('forget'));
});

test('a nudge ends the wait', async () => {
  const one = connection();
  one.start();
  await ends(1006);
  assert.equal(one.state, 'waiting');
  one.nudge();
  await turns();
  assert.equal(one.state, 'connecting');
});

test('one that is stopped stays so, and can be started again', async () => {
  const one = connection();
  one.start();
  socket().greets();
  one.stop();
  await pass(1_000_000);
  assert.equal(FakeSocket.opened.length, 1);
  one.start();
  socket().greets();
  assert.deepEqual(said, ['connecting', 'the log begins', 'online', 'offline', 'connecting', 'the log begins', 'online']);
});
