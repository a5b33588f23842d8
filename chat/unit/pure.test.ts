import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dictionaries, errorText, explain, languageOf } from '../src/i18n/index.js';
import { pieces, webAddress } from '../src/lib/links.js';
import { hue, idsIn, initials } from '../src/lib/people.js';
import { clock, dayName, dayOf, shortTime } from '../src/lib/time.js';

const links = (text: string): (string | undefined)[] => pieces(text).flatMap(({ text: shown, href }) => (href ? [shown] : []));

test('only addresses of the web become links', () => {
  assert.deepEqual(links('see https://example.com/a and http://b.example'), ['https://example.com/a', 'http://b.example']);
  assert.deepEqual(links('javascript:alert(1) data:text/html,x ftp://a.example file:///etc //a.example www.a.example'), []);
  assert.deepEqual(links('https:// http://'), []);
  for (const hostile of ['javascript:alert(1)', ' JaVaScRiPt:alert(1)', 'data:image/svg+xml,<svg>', 'blob:https://a/b', '/relative', '']) {
    assert.equal(webAddress(hostile), undefined, hostile);
  }
});

test('the punctuation around an address stays outside', () => {
  assert.deepEqual(links('(https://example.com/a_(b)), fine?'), ['https://example.com/a_(b)']);
  assert.deepEqual(links('Is it https://example.com/a?b=c! Yes.'), ['https://example.com/a?b=c']);
  assert.deepEqual(links('请看 https://example.com/路径。谢谢'), ['https://example.com/路径']);
  assert.deepEqual(links('（https://example.com）'), ['https://example.com']);
  assert.deepEqual(links('<https://example.com/"onclick=">'), ['https://example.com/']);
});

test('the pieces together are the text', () => {
  const texts = ['', 'plain', 'https://a.example', 'a https://a.example b http://c.example.', 'https://', '\n<b>https://x.example</b>\n'];
  for (const text of texts) assert.equal(pieces(text).map((piece) => piece.text).join(''), text);
});

test('a hostile text is cut in no time', () => {
  const started = performance.now();
  for (const text of ['https://' + '('.repeat(50_000), 'https://a' + '.'.repeat(50_000), 'http://'.repeat(10_000)]) pieces(text);
  pieces('https://a.example/' + ')'.repeat(10_000));
  assert.ok(performance.now() - started < 1_000, `${performance.now() - started} ms`);
});

test('initials are letters of a name, whatever it is made of', () => {
  const expected = { 'Alice Liddell': 'AL', bob: 'B', 'Weekend hike 🥾': 'WH', 'Anna Maria Weiß': 'AW', 张三丰: '三丰', 'user_001': 'U0', '👩‍🚀 🥾': '👩‍🚀', '张三🥾': '张三', '': '?', ' ': '?' };
  for (const [name, letters] of Object.entries(expected)) assert.equal(initials(name), letters, name);
});

test('a colour goes with an id', () => {
  assert.equal(hue('alice'), hue('alice'));
  const all = new Set(Array.from({ length: 200 }, (_, at) => hue(`user${at}`)));
  assert.ok(all.size === 8 && [...all].every((one) => one >= 0 && one < 8));
});

test('user ids are found in what is typed', () => {
  assert.deepEqual(idsIn(' ann, bob;cid\nbob，dan、eve '), ['ann', 'bob', 'cid', 'dan', 'eve']);
  assert.deepEqual(idsIn(''), []);
});

const words = { today: 'Today', yesterday: 'Yesterday' };
const at = (text: string): number => new Date(text).getTime();

test('days have the names that people give them', () => {
  const now = at('2026-03-05T00:30:00');
  const name = (text: string): string => dayName(at(text), now, 'en-GB', words);
  assert.equal(name('2026-03-05T00:00:00'), 'Today');
  assert.equal(name('2026-03-04T23:59:59'), 'Yesterday');
  assert.equal(name('2026-03-01T12:00:00'), 'Sunday');
  assert.equal(name('2026-02-26T12:00:00'), '26 February');
  assert.equal(name('2025-12-31T12:00:00'), '31 December 2025');
  assert.equal(name('2026-03-06T12:00:00'), '6 March', 'the clock of this device is behind');
});

test('the list has short times', () => {
  const now = at('2026-03-05T09:30:00');
  const time = (text: string): string => shortTime(at(text), now, 'en-GB', words);
  assert.equal(time('2026-03-05T09:05:00'), '09:05');
  assert.equal(time('2026-03-04T09:05:00'), 'Yesterday');
  assert.equal(time('2026-03-02T09:05:00'), 'Mon');
  assert.equal(time('2026-01-02T09:05:00'), '02/01');
  assert.equal(clock(at('2026-01-02T00:05:00'), 'zh-CN'), '00:05');
});

test('a day has one number from its first moment to its last', () => {
  assert.equal(dayOf(at('2026-03-29T00:00:00')), dayOf(at('2026-03-29T23:59:59')));
  assert.equal(dayOf(at('2026-03-30T00:00:00')) - dayOf(at('2026-03-29T23:59:59')), 1);
});

test('the language is that of the device, or English', () => {
  assert.deepEqual(['zh', 'zh-CN', 'zh-Hant-TW', 'ZH'].map(languageOf), ['zh', 'zh', 'zh', 'zh']);
  assert.deepEqual(['en-US', 'de', '', 'zha'].map(languageOf), ['en', 'en', 'en', 'en']);
});

/** Every word of a dictionary, with its place. */
function all(value: unknown, place = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return [[place, value]];
  return Object.entries(value).flatMap(([key, inner]) => all(inner, `${place}.${key}`));
}

test('both languages say everything, and Chinese is Chinese', () => {
  const [en, zh] = [all(dictionaries.en), all(dictionaries.zh)];
  assert.deepEqual(zh.map(([place]) => place).sort(), en.map(([place]) => place).sort());
  const same = zh.filter(([place, word]) => typeof word === 'string' && !/\p{Script=Han}/u.test(word) && place !== '.appName');
  assert.deepEqual(same, []);
  for (const [place, word] of [...en, ...zh]) assert.ok(typeof word === 'function' || (typeof word === 'string' && word.trim() !== ''), place);
});

test('errors are said in words', () => {
  const { en } = dictionaries;
  assert.equal(errorText(en, 2007, 'user exists (2007)'), 'This user ID is taken.');
  assert.match(errorText(en, 1001, 'password: expects 6 bytes (1001)'), /\(password: expects 6 bytes\)$/);
  assert.equal(errorText(en, 2006, 'no such user (2006)'), 'There is no such user.');
  assert.equal(errorText(en, 2006, 'no such user: zoe (2006)'), 'There is no such user. (zoe)');
  assert.equal(errorText(en, 9999, 'strange'), 'That did not work: strange');
  assert.equal(explain(en, Object.assign(new Error('x'), { name: 'NoAnswer' })), en.noAnswer);
  assert.equal(explain(en, 'x'), 'That did not work: x');
});
