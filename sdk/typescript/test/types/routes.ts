/** The client's routes and codes are those of docs/openapi.json. Nothing of this runs: it compiles, or it does not. */

import type { Api } from '../../src/api.js';
import type { Code } from '../../src/codes.js';
import type { Envelope } from '../../src/http.js';
import type { Path, Routes } from '../../src/routes.js';
import type { Documented, Schemas } from '../../build/document.js';
import type { Equal, Named, Nothing, Same } from './same.js';

/** Routes of the document that the client calls otherwise, or never. */
type NotCalled =
  /** The live connection: `connection.ts` opens it. */
  | '/ws'
  /** For operators and their balancers. */
  | '/health'
  | '/ready'
  | '/metrics'
  /** For tools. */
  | '/openapi.json';

type Missing = Exclude<keyof Documented, Path | NotCalled>;
type Unknown = Exclude<Path | NotCalled, keyof Documented>;
export type EveryRouteOfTheDocumentIsCalledOrNamed = Nothing<Missing>;
export type EveryRouteOfTheClientIsInTheDocument = Nothing<Unknown | (Path & NotCalled)>;

type Part<T, Name extends string> = Name extends Named<keyof T> ? T[Name & keyof T] : undefined;

/** What the client says of a route, in the form of the document. */
type Said<P extends Path> = {
  method: Routes[P]['method'];
  path: Part<Routes[P]['takes'], 'path'>;
  query: Part<Routes[P]['takes'], 'query'>;
  body: Part<Routes[P]['takes'], 'body'>;
  header: Part<Routes[P]['takes'], 'header'>;
  cookie: Part<Routes[P]['takes'], 'cookie'>;
};

/** A query whose cursor is the text of the number that the document has there. */
type TextCursor<Query> = { [K in keyof Query]: K extends 'cursor' ? (Query[K] extends number | undefined ? string : never) : Query[K] };

/** Where the client on purpose says otherwise than the document, or says more. */
interface Otherwise {
  // The cursor is handed on as the header had it, as text; in a query that is the same.
  '/group/members': { query: TextCursor<Documented['/group/members']['query']> };
}

type Wanted<P extends Path, Name extends keyof Documented[P]> = P extends keyof Otherwise
  ? Name extends keyof Otherwise[P]
    ? Otherwise[P][Name]
    : Documented[P][Name]
  : Documented[P][Name];

/** Null is a field that is not there: the document takes both, and the client says it in one way. */
type Taken = {
  [P in Path]: {
    [Name in keyof Said<P>]: Same<Said<P>[Name], Wanted<P, Name>, null> extends true ? never : `the ${Name} of ${P}`;
  }[keyof Said<P>];
}[Path];
export type WhatTheClientSendsIsWhatTheDocumentTakes = Nothing<Taken>;

type Answers = {
  [P in Path]: Same<Routes[P]['data'], Wanted<P, 'data'>> extends true ? never : `the data of ${P}`;
}[Path];
export type WhatTheDocumentAnswersIsWhatTheClientSays = Nothing<Answers>;

type Paged = { [P in Path]: Documented[P]['paged'] extends true ? P : never }[Path];
type Listed = { [P in Path]: Routes[P]['data'] extends unknown[] ? P : never }[Path];
export type WhatTheClientListsHasPages = Nothing<Exclude<Paged, Listed> | Exclude<Listed, Paged>>;

type Codes = (typeof Code)[keyof typeof Code];
export type EveryCodeHasAName = Nothing<Exclude<Schemas['Code'], Codes>>;
export type EveryCodeIsInTheDocument = Nothing<Exclude<Codes, Schemas['Code']>>;

type Refused = Omit<Envelope, 'code' | 'data'> & { code: Codes; data: null };
export type ARefusalIsTheEnvelopeWithoutData = Yes<Same<Refused, Schemas['Refusal']>>;

/** The comparison itself tells things apart. */
type Yes<T extends true> = T;
type No<T extends false> = T;
export type AFieldThatMayBeMissingIsAnother = No<Same<{ a: string }, { a?: string }>>;
export type AFieldOfAnotherNameIsAnother = No<Same<{ a: { b: string }[] }, { a: { c: string }[] }>>;
export type AFieldOfAnotherTypeIsAnother = No<Same<{ a: 1 | 2 }, { a: 1 | 2 | 3 }>>;
export type OneMoreFieldIsAnother = No<Same<{ a: 1; b?: 1 }, { a: 1 }>>;
export type NullIsAnotherUnlessItIsOff = No<Same<{ a?: 1 }, { a?: 1 | null }>>;
export type NullIsNothingWhereItIsOff = Yes<Same<{ a?: 1 }, { a?: 1 | null }, null>>;
export type NullCountsWhereAFieldMustBe = No<Same<{ a: 1 }, { a: 1 | null }, null>>;
export type OneOfSeveralIsAllOfTheirFields = Yes<Same<{ a?: 1; b?: 2; [more: string]: unknown }, { a: 1 } | { a: 1; b: 2 }>>;
export type EveryOneOfSeveralCounts = No<Same<{ a?: 1 }, { a: 1 } | { b: 2 }>>;
export type AnyIsNoneOfThem = No<Equal<unknown, string>>;
export type TheClassHasTheRoutes = Yes<Equal<Parameters<Api['login']>, [login: Routes['/auth/login']['takes']['body']]>>;
