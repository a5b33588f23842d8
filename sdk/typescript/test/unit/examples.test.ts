/** Every example of docs/api.md has the type that the client gives it: no field less, none more. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../support/server.js';

/** The types of what a call takes and answers, by path. */
const CALLS: Record<string, [takes: string, answers: string]> = {
  '/auth/register': ['Register', 'User'],
  '/auth/login': ['Login', 'LoggedIn'],
  '/auth/refresh': ['never', 'Refreshed'],
  '/user/info': ['never', 'User'],
  '/user/profile/:user_id': ['never', 'User'],
  '/user/update': ['UserUpdate', 'User'],
  '/group/create': ['GroupCreate', 'CreatedGroup'],
  '/group/update': ['GroupUpdate', 'GroupInfo'],
  '/group/info': ['never', 'GroupInfo'],
  '/group/members': ['never', 'Member[]'],
  '/msg/send': ['Send', 'Message'],
  '/msg/pull': ['never', 'Page'],
  '/msg/max_seq': ['never', '{ max_seq: number }'],
  '/conversation/list': ['never', 'Conversation[]'],
  '/conversation/info': ['never', 'Conversation'],
  '/conversation/update': ['ConversationUpdate', 'never'],
  '/conversation/max_read_seq': ['never', 'ReadState'],
  '/conversation/unread_count': ['never', '{ unread_count: number }'],
};

type Example = Record<string, unknown>;

/** The type of an example, and the part of it that has that type; nothing for those that no type names. */
function typed(path: string, example: Example): [type: string, value: unknown] | undefined {
  if ('push_id' in example) return ['event' in example ? 'EventFrame' : 'MessageFrame', example];
  if ('id' in example && 'code' in example) return ['AnswerFrame', example];
  const call = CALLS[path];
  if (!call) return undefined;
  if ('code' in example) return example['data'] === null ? undefined : [call[1], example['data']];
  if (path === '/msg/send' && !('client_msg_id' in example)) return ['Content', example];
  return [call[0], example];
}

test('the examples of the document have the types of the client', () => {
  const document = readFileSync(join(ROOT, 'docs/api.md'), 'utf8');
  const lines = ["import type * as T from '../../src/types.js';", "import type * as F from '../../src/frames.js';"];
  const found = new Set<string>();
  for (const section of document.split(/\n### /).slice(1)) {
    const path = section.split('\n')[0]?.split(' ')[1] ?? '';
    for (const [, text = ''] of section.matchAll(/```json\n([^]*?)```/g)) {
      const [type, value] = typed(path, JSON.parse(text) as Example) ?? [];
      if (type === undefined) continue;
      found.add(type);
      const name = type.startsWith('{') || type === 'never' ? type : `${type.includes('Frame') ? 'F' : 'T'}.${type}`;
      lines.push(`export const example${lines.length}: ${name} = ${JSON.stringify(value)};`);
    }
  }
  for (const type of Object.values(CALLS).flat()) assert.ok(type === 'never' || found.has(type), `no example of ${type}`);
  assert.ok(['EventFrame', 'MessageFrame', 'AnswerFrame'].every((type) => found.has(type)));

  const folder = join(ROOT, 'sdk/typescript/build/examples');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'examples.ts'), lines.join('\n'));
  const config = { extends: '../../tsconfig.base.json', compilerOptions: { noEmit: true, types: [] }, include: ['examples.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  try {
    execFileSync(join(ROOT, 'sdk/typescript/node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    assert.fail((error as { stdout?: string }).stdout ?? String(error));
  }
  rmSync(folder, { recursive: true });
});
