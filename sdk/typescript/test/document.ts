/** Writes the types of docs/openapi.json, for `test/types` to compare the client with. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, moduleOf } from './support/document.js';
import { ROOT } from './support/server.js';

const document = JSON.parse(readFileSync(join(ROOT, 'docs/openapi.json'), 'utf8')) as Document;
writeFileSync(join(ROOT, 'sdk/typescript/build/document.ts'), moduleOf(document));
