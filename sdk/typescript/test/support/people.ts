/** Users with clients, and waiting for what they see. */

import { WebSocket } from 'ws';
import { type ClientOptions, type Message, NexoClient } from '../../src/index.js';
import { login } from './rest.js';

/** What makes a client of these tests quick to come back. */
export function options(url: string, more: Partial<ClientOptions> = {}): ClientOptions {
  return {
    url,
    WebSocket,
    backoff: { firstMs: 20, longestMs: 200 },
    timeoutMs: 10_000,
    ...more,
  };
}

/** A client of a user, and all that it was told. */
export class Person {
  readonly client: NexoClient;
  readonly user_id: string;
  readonly messages: Message[] = [];
  readonly errors: unknown[] = [];

  constructor(user_id: string, options: ClientOptions) {
    this.user_id = user_id;
    this.client = new NexoClient(options);
    this.client.on('message', (message) => this.messages.push(message));
    this.client.on('error', (error) => this.errors.push(error));
  }

  /** Logs in, connects, and waits until nothing is missing. */
  static async online(user_id: string, options: ClientOptions): Promise<Person> {
    const person = new Person(user_id, options);
    await person.client.login(login(user_id));
    person.client.connect();
    await person.synced();
    return person;
  }

  async synced(): Promise<void> {
    await until(() => this.client.isSynced, `${this.user_id} is synced`);
  }

  /** The texts that it was told of, of a conversation. */
  texts(conversation_id?: string): string[] {
    const wanted = this.messages.filter((message) => conversation_id === undefined || message.conversation_id === conversation_id);
    return wanted.map((message) => message.content.text ?? '');
  }

  /** Waits until it was told of so many messages. */
  async has(count: number, withinMs = 30_000): Promise<void> {
    await until(() => this.messages.length >= count, `${this.user_id} has ${count} messages`, withinMs, () => this.messages.length);
  }
}

/** Waits for a condition. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 30_000,
  instead: () => unknown = () => '',
): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what} ${String(instead())}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
