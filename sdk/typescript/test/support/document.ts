/**
 * docs/openapi.json as types, for `test/types` to compare the client with. What of a schema says nothing about types is named here;
 * anything else that is not read is refused, so that no comparison becomes weaker unseen. Pure.
 */

/** What is read of a schema. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

interface Body {
  $ref?: string;
  content?: Record<string, { schema: Schema }>;
  headers?: object;
}

interface Operation {
  parameters?: { $ref?: string; in: string; name: string; required?: boolean; schema: Schema }[];
  requestBody?: Body;
  responses: Record<string, Body>;
}

/** What is read of the document. */
export interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

const READ = ['$ref', 'type', 'enum', 'oneOf', 'anyOf', 'allOf', 'items', 'properties', 'required'];
const SILENT = ['additionalProperties', 'description', 'title', 'examples', 'format', 'pattern', 'minimum'];
const LENGTHS = ['minLength', 'maxLength', 'minItems', 'maxItems'];
const SCALARS: Record<string, string> = { string: 'string', integer: 'number', number: 'number', boolean: 'boolean', null: 'null' };

const quoted = JSON.stringify;
const jsonOf = (body: Body | undefined): Schema | undefined => body?.content?.['application/json']?.schema;
const either = (types: string[]): string => (types.length === 0 ? 'never' : types.join(' | '));

/** The type of what a schema takes: all that it says must hold. */
export function typeOf(schema: Schema): string {
  const unknown = Object.keys(schema).filter((key) => ![...READ, ...SILENT, ...LENGTHS].includes(key));
  if (unknown.length > 0) throw new Error(`not read in a schema: ${unknown.join(', ')}`);
  const kinds = [schema.type ?? (schema.properties || schema.required ? 'object' : [])].flat();
  const said = [schema.oneOf, schema.anyOf].flatMap((options) => (options ? [either(options.map(typeOf))] : []));
  if (schema.$ref) said.push(`Schemas[${quoted(named(schema.$ref))}]`);
  if (schema.enum) said.push(either(schema.enum.map((value) => quoted(value))));
  else if (kinds.length > 0) said.push(either(kinds.map((kind) => SCALARS[kind] ?? composed(kind, schema))));
  said.push(...(schema.allOf ?? []).map(typeOf));
  return said.map((type) => `(${type})`).join(' & ') || 'unknown';
}

function named(ref: string): string {
  const name = /^#\/components\/schemas\/(\w+)$/.exec(ref)?.[1];
  if (name === undefined) throw new Error(`not the name of a schema: ${ref}`);
  return name;
}

function composed(kind: string, { items = {}, properties = {}, required = [] }: Schema): string {
  if (kind === 'array') return `(${typeOf(items)})[]`;
  if (kind !== 'object' || required.some((name) => !(name in properties))) throw new Error(`not read: ${kind} with ${required}`);
  const fields = Object.entries(properties).map(([name, schema]) => `${quoted(name)}${required.includes(name) ? '' : '?'}: ${typeOf(schema)}`);
  return `{ ${fields.join('; ')} }`;
}

/** A route, taken apart: what each place takes, the data of a success, and whether there may be a next page. */
function routeOf(operations: Record<string, Operation>): string {
  const [[method, operation] = ['', { responses: {} }], ...more] = Object.entries(operations);
  const { parameters = [], requestBody, responses } = operation;
  const answer = responses['200'];
  const named = [...parameters, requestBody, answer].some((part) => part?.$ref);
  if (more.length > 0 || named) throw new Error('not read: a second method, or a $ref');
  const taken = ['path', 'query', 'header', 'cookie'].map((place) => {
    const here = parameters.filter((one) => one.in === place);
    const required = here.filter((one) => one.required).map(({ name }) => name);
    const properties = Object.fromEntries(here.map(({ name, schema }) => [name, schema]));
    return `${place}: ${here.length > 0 ? typeOf({ properties, required }) : 'undefined'}`;
  });
  const success = jsonOf(answer)?.oneOf?.find(({ properties: envelope }) => envelope?.['code']?.enum?.join() === '0');
  const body = requestBody ? typeOf(jsonOf(requestBody) ?? {}) : 'undefined';
  const data = success ? typeOf(success.properties?.['data'] ?? {}) : 'never';
  const paged = 'x-next-cursor' in (answer?.headers ?? {});
  return `{ method: ${quoted(method.toUpperCase())}; ${taken.join('; ')}; body: ${body}; data: ${data}; paged: ${paged} }`;
}

/** All of the document, as a module. */
export function moduleOf({ paths, components }: Document): string {
  const schemas = Object.entries(components.schemas).map(([name, schema]) => `  ${quoted(name)}: ${typeOf(schema)};\n`);
  const routes = Object.entries(paths).map(([path, item]) => `  ${quoted(path)}: ${routeOf(item)};\n`);
  return `export interface Schemas {\n${schemas.join('')}}\n\nexport interface Documented {\n${routes.join('')}}\n`;
}
