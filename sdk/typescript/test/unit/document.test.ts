import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moduleOf, typeOf } from '../support/document.js';

test('a schema is a type that says the same', () => {
  assert.equal(typeOf({ type: 'integer', enum: [1, 2] }), '(1 | 2)');
  assert.equal(typeOf({ type: ['array', 'null'], items: { type: 'string' } }), '(((string))[] | null)');
  assert.equal(typeOf({ oneOf: [{ $ref: '#/components/schemas/Name' }, { type: 'null' }] }), '((Schemas["Name"]) | (null))');
  assert.equal(typeOf({ properties: { a: { type: 'boolean' }, b: {} }, required: ['a'] }), '({ "a": (boolean); "b"?: unknown })');
});

test('what of a document is not understood is refused', () => {
  const refused = [{ not: {} }, { const: 1 }, { $ref: 'other.json#/Name' }, { type: 'tuple' }, { required: ['a'] }];
  for (const schema of refused) assert.throws(() => typeOf(schema), /not /, JSON.stringify(schema));
  const operation = { responses: {} };
  assert.throws(() => moduleOf({ paths: { '/a': { get: operation, put: operation } }, components: { schemas: {} } }), /second method/);
  const named = { responses: { 200: { $ref: '#/components/responses/Named' } } };
  assert.throws(() => moduleOf({ paths: { '/a': { get: named } }, components: { schemas: {} } }), /\$ref/);
});
