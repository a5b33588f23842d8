/** The client's words and the document's are the same. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { afterClose, Code } from '../../src/codes.js';
import { address } from '../../src/connection.js';
import { readFrame } from '../../src/frames.js';
import { query } from '../../src/http.js';
import { groupId, newerFirst, singleId } from '../../src/conversations.js';
import { newClientMsgId } from '../../src/outbox.js';
import { ROOT } from '../support/server.js';

const document = readFileSync(join(ROOT, 'docs/api.md'), 'utf8');
const section = (title: string): string => document.split(`\n${title}\n`)[1]?.split(/\n##/)[0] ?? assert.fail(title);
const rows = (text: string): string[][] => {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  return lines.map((line) => line.split('|').map((cell) => cell.trim()));
};

test('the codes are those of the document', () => {
  const documented = rows(section('## Codes')).map((row) => Number(row[1])).filter(Number.isInteger);
  assert.ok(documented.length > 30);
  assert.deepEqual(Object.values(Code).toSorted((a, b) => a - b), documented.toSorted((a, b) => a - b));
});

test('every close code does what the document says', () => {
  const said = (text: string): string => {
    if (text.startsWith('do not reconnect')) return 'replaced';
    if (text.startsWith('get a new token')) return 'token';
    if (text.startsWith('close another')) return 'crowded';
    if (text.startsWith('mend')) return 'grow';
    return 'soon';
  };
  const documented = rows(section('#### Close codes')).filter((row) => /^`\d+`$/.test(row[1] ?? ''));
  assert.equal(documented.length, 10);
  for (const [, code, , does] of documented) assert.equal(afterClose(Number(code?.slice(1, -1))), said(does ?? ''), code);
  assert.equal(afterClose(1006), 'grow');
});

test('every endpoint of the document has a call', () => {
  const paths = [...document.matchAll(/^### (?:GET|POST|PUT) (\S+)$/gm)].map((match) => match[1]?.replace(/:.*/, '') ?? '');
  const source = readFileSync(join(ROOT, 'sdk/typescript/src/api.ts'), 'utf8');
  const called = paths.filter((path) => !['/ws', '/health', '/ready', '/metrics', '/openapi.json'].includes(path));
  assert.ok(called.length > 25);
  for (const path of called) assert.ok(source.includes(path), path);
});

test('every field of an answer in the document has a type', () => {
  const types = ['types.ts', 'frames.ts', 'api.ts'].map((file) => readFileSync(join(ROOT, 'sdk/typescript/src', file), 'utf8')).join('');
  const fields = new Set<string>();
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (!Array.isArray(value)) for (const field of Object.keys(value)) fields.add(field);
    for (const inner of Object.values(value)) collect(inner);
  };
  for (const [, example] of document.matchAll(/```json\n([^]*?)```/g)) collect(JSON.parse(example ?? ''));
  // A client frame's own.
  fields.delete('op');
  for (const field of fields) assert.ok(new RegExp(`\\b${field}\\b`).test(types), field);
});

test('frames are told apart', () => {
  assert.equal(readFrame('{"event":"hello","push_id":"x"}').kind, 'event');
  assert.equal(readFrame('{"id":"1","code":0,"msg":"success","data":null}').kind, 'answer');
  assert.equal(readFrame('{"conversation_id":"si_a:b","seq":1}').kind, 'message');
  for (const other of ['', '[]', 'null', '7', '{"new":true}', '{']) assert.equal(readFrame(other).kind, 'unknown');
});

test('ids are those of the document', () => {
  assert.equal(singleId('user002', 'user001'), 'si_user001:user002');
  assert.equal(singleId('a', 'B'), 'si_B:a');
  assert.equal(groupId('1234567890'), 'sg_1234567890');
  assert.match(newClientMsgId(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('a plus in a query is escaped, and what is not given is left out', () => {
  assert.equal(query({ conversation_id: 'si_a+b:c', begin_seq: 1, limit: undefined }), '?conversation_id=si_a%2Bb%3Ac&begin_seq=1');
  assert.equal(query({}), '');
});

test('the address of the WebSocket follows that of the server', () => {
  assert.equal(address('https://chat.example.com/', undefined), 'wss://chat.example.com/ws');
  assert.equal(address('http://127.0.0.1:8080', 'a b'), 'ws://127.0.0.1:8080/ws?after=a%20b');
});

test('a list has pinned conversations first, then the latest', () => {
  const view = (is_pinned: boolean, updated_at: number) => ({ is_pinned, updated_at });
  const list = [view(false, 1), view(true, 1), view(false, 3), view(true, 2)].toSorted(newerFirst);
  assert.deepEqual(list, [view(true, 2), view(true, 1), view(false, 3), view(false, 1)]);
});

test('modules are short and begin with what they are for', () => {
  const folder = join(ROOT, 'sdk/typescript');
  const inside = (part: string): string[] => readdirSync(join(folder, part), { recursive: true }).map((file) => join(part, String(file)));
  const files = ['src', 'test'].flatMap(inside);
  for (const file of files.filter((file) => file.endsWith('.ts'))) {
    const text = readFileSync(join(folder, file), 'utf8');
    assert.ok(text.split('\n').length <= 301, `${file} has ${text.split('\n').length} lines`);
    if (file.startsWith('src')) assert.match(text, /^\/\*\* .*\*\/\n/, file);
    assert.doesNotMatch(text, /[:<] ?any\b|@ts-(?:ignore|nocheck)/, file);
  }
});

test('nothing is needed at run time, and the lock names no registry', () => {
  const read = (file: string): string => readFileSync(join(ROOT, 'sdk/typescript', file), 'utf8');
  assert.equal((JSON.parse(read('package.json')) as Record<string, unknown>)['dependencies'], undefined);
  // A folder of this one may stand there, as that of the generator does, but no address.
  assert.doesNotMatch(read('package-lock.json'), /https?:\/\/(?!.*funding)[^"]*\.tgz|"resolved": "(?!document")/);
});
