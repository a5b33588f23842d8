/** Who is who: users and groups by their ids, asked for when first seen. */

import { type Api, Code, type GroupInfo, NexoError, type User } from '@nexo-im/client';
import { type Signal, signal } from '@preact/signals';
import { Queue } from '../lib/queue.js';

/** What is known of a thing: nothing yet, that it is not there, or it. */
export type Known<T> = T | null | undefined;

/** So many are asked for at once. */
const AT_ONCE = 6;

/** The users and groups of an account. */
export class Names {
  readonly #api: Api;
  readonly #queue = new Queue(AT_ONCE);
  #users = new Map<string, Signal<Known<User>>>();
  #groups = new Map<string, Signal<Known<GroupInfo>>>();
  /** What flew by before it was asked for: it is asked for when it is seen again. */
  #dropped = new Set<object>();
  /** What got no answer. */
  #again = new Set<() => void>();

  constructor(api: Api) {
    this.#api = api;
  }

  /** A user. */
  user(user_id: string): Known<User> {
    return this.#look(this.#users, user_id, () => this.#api.user(user_id)).value;
  }

  /** A group. */
  group(group_id: string): Known<GroupInfo> {
    return this.#look(this.#groups, group_id, () => this.#api.group(group_id)).value;
  }

  /** Takes what somebody has asked for already. */
  told(user: User): void {
    this.#put(this.#users, user.user_id, user);
  }

  toldGroup(group: GroupInfo): void {
    this.#put(this.#groups, group.id, group);
  }

  /** Asks anew, for names change without a word. */
  refresh(ids: { user_id?: string; group_id?: string }): void {
    const { user_id, group_id } = ids;
    const user = user_id && this.#users.get(user_id);
    if (user) this.#ask(user, () => this.#api.user(user_id));
    const group = group_id && this.#groups.get(group_id);
    if (group) this.#ask(group, () => this.#api.group(group_id));
  }

  /** Groups may have changed without a word. */
  refreshGroups(): void {
    for (const group_id of this.#groups.keys()) this.refresh({ group_id });
  }

  /** Asks again for what got no answer. */
  online(): void {
    const again = [...this.#again];
    this.#again.clear();
    for (const ask of again) ask();
  }

  /** The list is being scrolled, or stands still. */
  moving(isMoving: boolean): void {
    this.#queue.moving(isMoving);
  }

  /** Nobody looks any more. */
  stop(): void {
    this.#queue.clear();
    this.#again.clear();
  }

  #look<T>(all: Map<string, Signal<Known<T>>>, id: string, call: () => Promise<T>): Signal<Known<T>> {
    const known = all.get(id);
    if (known && this.#dropped.delete(known)) this.#ask(known, call);
    if (known) return known;
    const made = signal<Known<T>>(undefined);
    all.set(id, made);
    this.#ask(made, call);
    return made;
  }

  #ask<T>(to: Signal<Known<T>>, call: () => Promise<T>): void {
    const ask = async (): Promise<void> => {
      try {
        to.value = await call();
      } catch (error) {
        const absent = error instanceof NexoError && (error.code === Code.NoSuchUser || error.code === Code.NoSuchGroup);
        if (absent) to.value = null;
        else this.#again.add(() => this.#ask(to, call));
      }
    };
    this.#queue.add(ask, () => this.#dropped.add(to));
  }

  #put<T>(all: Map<string, Signal<Known<T>>>, id: string, value: T): void {
    const known = all.get(id);
    if (known) known.value = value;
    else all.set(id, signal<Known<T>>(value));
  }
}
