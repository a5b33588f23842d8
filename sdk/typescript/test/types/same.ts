/** Whether two types say the same about JSON. */

/** Whether two types are one and the same. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Whether two types say the same, where `Off` says nothing in a field that may be missing. */
export type Same<A, B, Off = never> = Equal<Plain<A, Off>, Plain<B, Off>>;

/** Compiles only if there is nothing in it; what there is stands in the compiler's message. */
export type Nothing<Found extends never> = Found;

/** A type with its names resolved, and objects reduced to their named fields. */
export type Plain<T, Off> = [T] extends [readonly (infer Item)[]]
  ? Plain<Item, Off>[]
  : [T] extends [object]
    ? true extends IsUnion<T>
      ? AnyOf<T, Off>
      : { [K in keyof T as Named<K>]: Plain<Value<T[K], Off>, Off> }
    : T;

/** One of several objects has some of their fields, none of which is sure to be there. */
type AnyOf<T, Off> = { [K in NamesOf<T>]?: Plain<Exclude<ValueOf<T, K>, undefined>, Off> };

type ValueOf<T, K> = T extends unknown ? (K extends keyof T ? T[K] : never) : never;

type NamesOf<T> = T extends unknown ? Named<keyof T> : never;

/** Leaves index signatures out. */
export type Named<K> = K extends string ? (string extends K ? never : K) : never;

type Value<V, Off> = undefined extends V ? Exclude<V, Off | undefined> : V;

type IsUnion<T, Whole = T> = T extends unknown ? ([Whole] extends [T] ? false : true) : never;
