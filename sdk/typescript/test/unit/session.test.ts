import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Api, Http, MemoryStore } from '../../src/index.js';
import { Session } from '../../src/session.js';
import { turns } from '../support/fakes.js';

const HOUR = 3_600_000;
const LIFE = 8 * HOUR;

/** The server's time when this device's clock is at 0. */
let aheadMs: number;
let refreshes: number;
/** Whether the server answers a refresh, and how many it did not answer. */
let away: boolean;
let lost: number;
beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  aheadMs = 0;
  refreshes = 0;
  away = false;
  lost = 0;
});
afterEach(() => mock.timers.reset());

/** A server that gives tokens. */
function answer(input: unknown): Promise<Response> {
  const refreshed = String(input).endsWith('/auth/refresh');
  if (refreshed && away) {
    lost += 1;
    return Promise.reject(new TypeError('fetch failed'));
  }
  if (refreshed) refreshes += 1;
  const token = { token: `token ${refreshes}`, expires_at: Date.now() + aheadMs + LIFE };
  const data = refreshed ? token : { ...token, user_info: { user_id: 'ann' } };
  return Promise.resolve(Response.json({ code: 0, msg: 'success', data }));
}

function session(store = new MemoryStore()): Session {
  const api: Api = new Api(new Http({ url: 'http://nexo', token: () => made.token, fetch: answer }));
  const failed = (error: unknown): void => assert.ok(away, String(error));
  const made: Session = new Session({ api, store, random: () => 0.5, failed });
  return made;
}

async function loggedIn(): Promise<Session> {
  const made = session();
  await made.login({ user_id: 'ann', password: 'correct horse', platform_id: 5 });
  return made;
}

async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  // An answer is read in several steps, some of which are not microtasks.
  for (let at = 0; at < 10; at++) await new Promise((resolve) => setImmediate(resolve));
  await turns();
}

/** Passes 0.71 of a life, and sees the first refresh at its 0.7. */
async function isRefreshedOnceIn(lifeMs: number, why?: string): Promise<void> {
  await pass(0.69 * lifeMs);
  assert.equal(refreshes, 0, why);
  await pass(0.02 * lifeMs);
  assert.equal(refreshes, 1, why);
}

test('a token is refreshed in the last third of its life, and the next one too', async () => {
  const ann = await loggedIn();
  for (const round of [1, 2]) {
    await pass(0.69 * LIFE);
    assert.equal(refreshes, round - 1);
    await pass(0.02 * LIFE);
    assert.equal(refreshes, round);
    assert.equal(ann.token, `token ${round}`);
  }
  ann.stop();
});

test('a clock that is wrong by days is set right by the greeting of a socket', async () => {
  for (const days of [-30, -2, 2, 30]) {
    aheadMs = days * 24 * HOUR;
    refreshes = 0;
    const ann = await loggedIn();
    assert.equal(refreshes, 0, 'it does not refresh over and over');
    ann.heard(Date.now() + aheadMs);
    await isRefreshedOnceIn(LIFE, `${days} days`);
    ann.stop();
  }
});

test('a clock that says that a new token is over is not believed', async () => {
  aheadMs = -30 * 24 * HOUR;
  const ann = await loggedIn();
  await isRefreshedOnceIn(HOUR);
  ann.stop();
});

test('a login that was kept is refreshed when it would have been', async () => {
  const store = new MemoryStore();
  const first = session(store);
  await first.login({ user_id: 'ann', password: 'correct horse', platform_id: 5 });
  first.stop();
  await pass(0.5 * LIFE);
  const second = session(store);
  assert.equal(await second.resume(), true);
  await pass(0.19 * LIFE);
  assert.equal(refreshes, 0);
  await pass(0.02 * LIFE);
  assert.equal(refreshes, 1);
  second.stop();
});

test('a login that was kept without its end is taken to live an hour', async () => {
  const store = new MemoryStore();
  await store.write([['session', { token: 'old', user_id: 'ann', platform_id: 5, obtained_at_ms: Date.now() }]]);
  const ann = session(store);
  assert.equal(await ann.resume(), true);
  await isRefreshedOnceIn(HOUR);
  assert.equal(ann.token, 'token 1');
  ann.stop();
});

test('a clock that was days ahead at the login and is set right later refreshes before the end', async () => {
  const store = new MemoryStore();
  const token = { token: 'old', user_id: 'ann', platform_id: 5, expires_at: Date.now() + LIFE };
  await store.write([['session', { ...token, obtained_at_ms: Date.now() + 3 * 24 * HOUR }]]);
  const ann = session(store);
  await ann.resume();
  ann.heard(Date.now());
  await isRefreshedOnceIn(LIFE);
  ann.stop();
});

test('greetings neither hasten nor double a refresh that backs off', async () => {
  const ann = await loggedIn();
  away = true;
  await pass(0.71 * LIFE);
  assert.equal(lost, 1);
  for (const movedMs of [0, 500, 60_000]) {
    ann.heard(Date.now() + movedMs);
    await pass(0);
  }
  assert.equal(lost, 1, 'the wait goes on');
  await pass(1_000);
  assert.equal(lost, 2);
  away = false;
  await pass(2_000);
  assert.equal(refreshes, 1);
  await pass(60_000);
  assert.equal(refreshes, 1, 'there is no second one');
  ann.stop();
});
