import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Catchup } from '../../src/catchup.js';
import { NexoError, NoAnswer } from '../../src/errors.js';
import { after, before } from '../../src/history.js';
import { Timeline } from '../../src/timeline.js';
import type { Page, Pull, PulledMessage } from '../../src/types.js';
import { turns } from '../support/fakes.js';
import { until } from '../support/people.js';

/** A conversation at a server: some seqs are not to be seen. */
class History {
  readonly seqs: number[];
  pulls = 0;
  faults: Error[] = [];

  constructor(count: number, visible: (seq: number) => boolean = () => true) {
    this.seqs = Array.from({ length: count }, (_, at) => at + 1).filter(visible);
  }

  pull = (pull: Pull): Promise<Page> => {
    this.pulls += 1;
    const fault = this.faults.shift();
    if (fault) return Promise.reject(fault);
    const { begin_seq = 0, end_seq = Infinity, limit = 100 } = pull;
    const found = this.seqs.filter((seq) => seq >= begin_seq && seq <= end_seq).slice(0, limit);
    return Promise.resolve({ messages: found.map((seq) => ({ seq }) as PulledMessage), max_seq: this.seqs.at(-1) ?? 0 });
  };
}

async function caughtUp(history: History, timeline: Timeline): Promise<number[]> {
  const got: number[] = [];
  let idle = false;
  const catchup = new Catchup({
    pull: history.pull,
    timeline: () => timeline,
    deliver: (_, messages) => got.push(...messages.map(({ seq }) => seq)),
    idle: () => (idle = true),
    failed: (error) => assert.ifError(error),
    random: () => 0.999,
  });
  catchup.start();
  catchup.want('si_a:b');
  await until(() => idle, 'nothing is missing');
  catchup.stop();
  return got;
}

test('all that is missing comes in order, many pages at once where there are no holes', async () => {
  const history = new History(5_230);
  assert.deepEqual(await caughtUp(history, new Timeline(17, 5_230)), history.seqs.slice(17));
  assert.ok(history.pulls <= 55, `${history.pulls} pulls`);
});

test('holes of any size are passed over', async () => {
  const patterns: ((seq: number) => boolean)[] = [
    (seq) => seq % 2 === 0,
    (seq) => seq < 150 || seq > 90_000,
    (seq) => seq === 100_000,
    (seq) => Math.floor(seq / 130) % 3 !== 1,
    () => false,
  ];
  for (const visible of patterns) {
    const history = new History(100_000, visible);
    const got = await caughtUp(history, new Timeline(0, 100_000));
    assert.equal(got.length, history.seqs.length);
    assert.deepEqual(got, history.seqs);
  }
});

test('a pull that fails is made again, and nothing comes twice', async () => {
  const history = new History(1_000);
  history.faults = [new NoAnswer('cut'), new NexoError(1002, 'not now')];
  assert.deepEqual(await caughtUp(history, new Timeline(0, 1_000)), history.seqs);
});

test('one that is stopped in the middle has lost nothing when it goes on', async () => {
  const history = new History(2_000);
  const timeline = new Timeline(0, 2_000);
  const got: number[] = [];
  const catchup = new Catchup({
    pull: history.pull,
    timeline: () => timeline,
    deliver: (_, messages) => got.push(...messages.map(({ seq }) => seq)),
    idle: () => {},
    failed: (error) => assert.ifError(error),
    random: () => 0.999,
  });
  catchup.want('si_a:b');
  await turns();
  assert.equal(history.pulls, 0, 'it begins at rest');
  for (let round = 1; timeline.missing(); round++) {
    catchup.start();
    catchup.want('si_a:b');
    await turns(round);
    catchup.stop();
    assert.equal(timeline.cursor, got.length, 'what counts as handed out was');
    await turns();
    assert.equal(timeline.cursor, got.length);
  }
  assert.deepEqual(got, history.seqs);
});

test('what may not be seen any longer is given up', async () => {
  const history = new History(10);
  history.faults = [new NexoError(1007, 'no access')];
  const timeline = new Timeline(0, 10);
  assert.deepEqual(await caughtUp(history, timeline), []);
  assert.equal(timeline.missing(), undefined);
});

test('older messages are found backwards, through holes too', async () => {
  const whole = new History(1_000);
  const seqs = async (history: History, last: number, limit: number): Promise<number[]> =>
    (await before(history, 'si_a:b', last, limit)).map(({ seq }) => seq);
  assert.deepEqual(await seqs(whole, 1_000, 3), [998, 999, 1_000]);
  assert.deepEqual(await seqs(whole, 2, 50), [1, 2]);
  assert.equal((await seqs(whole, 700, 350)).length, 350);
  assert.deepEqual(await seqs(whole, 0, 50), []);
  const holes = new History(100_000, (seq) => seq <= 120 || seq > 99_990);
  assert.deepEqual(await seqs(holes, 100_000, 20), [...holes.seqs.slice(110, 120), ...holes.seqs.slice(120)]);
  assert.ok(holes.pulls < 30, `${holes.pulls} pulls`);
});

test('newer messages come from a seq on, and fewer than asked for only at the end', async () => {
  const history = new History(250, (seq) => seq <= 20 || seq > 40);
  const newer = async (seq: number, limit: number): Promise<number[]> => (await after(history, 'si_a:b', seq, limit)).map((one) => one.seq);
  assert.deepEqual(await newer(18, 4), [19, 20, 41, 42]);
  const many = await newer(0, 150);
  assert.deepEqual([many.length, many.at(-1)], [150, 170]);
  assert.deepEqual(await newer(248, 50), [249, 250]);
  assert.deepEqual(await newer(250, 50), []);
});
