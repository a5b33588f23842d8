/** A person in front of the chat: what they do with it, and what they see, by the names in `chat/README.md`. */

import { expect, type Locator, type Page } from '@playwright/test';
import { PASSWORD } from '../../../sdk/typescript/test/support/rest.js';

export class Person {
  readonly page: Page;
  readonly user_id: string;
  readonly nickname: string;

  constructor(page: Page, user_id: string, nickname = user_id) {
    this.page = page;
    this.user_id = user_id;
    this.nickname = nickname;
  }

  /** Opens the chat of the server at `url`, and creates an account. */
  static async signUp(page: Page, url: string, user_id: string, nickname = user_id): Promise<Person> {
    const person = new Person(page, user_id, nickname);
    await page.goto(url);
    await page.getByText('Create an account').click();
    await page.getByLabel('User ID', { exact: true }).fill(user_id);
    await page.getByLabel('Nickname', { exact: true }).fill(nickname);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Create account' }).click();
    await person.isIn();
    return person;
  }

  /** Opens the chat, and signs in to an account that is there. */
  static async signIn(page: Page, url: string, user_id: string): Promise<Person> {
    const person = new Person(page, user_id);
    await page.goto(url);
    await person.enter();
    return person;
  }

  /** Signs in on the page that asks for it. */
  async enter(): Promise<void> {
    await this.page.getByLabel('User ID', { exact: true }).fill(this.user_id);
    await this.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await this.isIn();
  }

  async isIn(): Promise<void> {
    await expect(this.page.getByRole('button', { name: 'New chat' }).first()).toBeVisible();
    await this.isOnline();
  }

  /** Nothing is said of the connection: all is well. */
  async isOnline(): Promise<void> {
    await expect(this.connection).toBeEmpty();
  }

  get connection(): Locator {
    return this.page.getByRole('status', { name: 'Connection' });
  }

  get composer(): Locator {
    return this.page.getByRole('textbox', { name: 'Message' });
  }

  /** The messages of the open conversation. */
  get messages(): Locator {
    return this.page.getByRole('log', { name: 'Messages' }).getByRole('article');
  }

  /** Their texts: those that are drawn. */
  get texts(): Locator {
    return this.page.getByRole('log', { name: 'Messages' }).locator('article .text');
  }

  /** The message of which `text` is a part. */
  message(text: string | RegExp): Locator {
    return this.messages.filter({ hasText: text });
  }

  row(conversation_id: string): Locator {
    return this.page.locator(`[data-conversation="${conversation_id}"]`);
  }

  /** How many unread messages the list shows for a conversation. */
  async hasUnread(conversation_id: string, count: number): Promise<void> {
    await expect(this.row(conversation_id)).toBeVisible();
    const badge = this.row(conversation_id).locator('.badge');
    if (count === 0) await expect(badge).toHaveCount(0);
    // The number may be followed by words for those who hear it.
    else await expect(badge).toHaveText(new RegExp(`^${count}(?!\\d)`));
  }

  /** Starts a chat with another user. */
  async startChat(peer: string): Promise<void> {
    await this.page.getByRole('button', { name: 'New chat' }).first().click();
    const dialog = this.page.getByRole('dialog', { name: 'New chat' });
    await dialog.getByLabel('User ID', { exact: true }).fill(peer);
    await dialog.getByRole('button', { name: 'Start chat' }).click();
    await expect(dialog).toBeHidden();
    await expect(this.composer).toBeVisible();
  }

  /** Creates a group, and answers its id. */
  async createGroup(name: string, members: string[] = []): Promise<string> {
    await this.page.getByRole('button', { name: 'New group' }).first().click();
    const dialog = this.page.getByRole('dialog', { name: 'New group' });
    await dialog.getByLabel('Group name', { exact: true }).fill(name);
    await dialog.getByLabel('Members', { exact: true }).fill(members.join(' '));
    await dialog.getByRole('button', { name: 'Create group' }).click();
    await expect(dialog).toBeHidden();
    await expect(this.page.getByRole('heading', { name })).toBeVisible();
    await expect(this.page).toHaveURL(/sg_\d+/);
    return /sg_(\d+)/.exec(this.page.url())?.[1] ?? '';
  }

  async joinGroup(group_id: string): Promise<void> {
    await this.page.getByRole('button', { name: 'Join group' }).first().click();
    const dialog = this.page.getByRole('dialog', { name: 'Join group' });
    await dialog.getByLabel('Group ID', { exact: true }).fill(group_id);
    await dialog.getByRole('button', { name: 'Join', exact: true }).click();
    await expect(dialog).toBeHidden();
  }

  async openConversation(conversation_id: string): Promise<void> {
    await this.row(conversation_id).click();
    await expect(this.composer).toBeVisible();
  }

  /** Focuses the open conversation in the moment in which its end is drawn: no later, as asking from here would be. */
  async focusesTheEnd(): Promise<void> {
    const drawn = (): boolean => {
      const log = document.querySelector<HTMLElement>('[role=log]');
      if (!log || log.scrollTop === 0 || !log.querySelector('article')) return false;
      log.focus();
      return true;
    };
    await this.page.waitForFunction(drawn, undefined, { polling: 1 });
  }

  /** Opens the members and settings of the group. */
  async groupInfo(): Promise<Locator> {
    await this.page.getByRole('button', { name: 'Group info' }).click();
    const dialog = this.page.getByRole('dialog', { name: 'Group info' });
    await expect(dialog.getByRole('list', { name: 'Members' })).toBeVisible();
    return dialog;
  }

  /** Writes a text and sends it. */
  async say(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.page.getByRole('button', { name: 'Send', exact: true }).click();
    await expect(this.composer).toHaveValue('');
  }

  /** Waits until what was sent is where it outlives a reload. */
  async kept(): Promise<void> {
    const kept = (): Promise<number> =>
      this.page.evaluate(async (name) => {
        const done = <T>(request: IDBRequest<T>): Promise<T> =>
          new Promise((resolve, reject) => {
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(new Error(String(request.error)));
          });
        const database = await done(indexedDB.open(name));
        const values = await done(database.transaction('kept').objectStore('kept').getAll());
        database.close();
        return values.filter((value: unknown) => typeof value === 'object' && value !== null && 'client_msg_id' in value).length;
      }, `nexo-chat/${this.user_id}`);
    const shown = await this.page.locator('article[data-state="sending"]').count();
    await expect.poll(kept).toBeGreaterThanOrEqual(shown);
  }

  /** Own messages that are not in `state`. */
  async allOwnAre(state: 'sent' | 'sending' | 'failed'): Promise<void> {
    await expect(this.page.locator(`article[data-state]:not([data-state="${state}"])`)).toHaveCount(0);
  }

  /** Reads the texts of the open conversation, exactly these. */
  async reads(texts: string[]): Promise<void> {
    await expect(this.texts).toHaveText(texts);
  }

  async signOut(): Promise<void> {
    await this.page.getByRole('button', { name: 'Menu' }).click();
    await this.page.getByRole('button', { name: 'Sign out' }).click();
    await expect(this.page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  }

  /** The page does not scroll sideways. */
  async fits(): Promise<void> {
    const over = (): Promise<number> =>
      this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    await expect.poll(over).toBeLessThanOrEqual(0);
  }
}
