/** Whose tab this is. An account is worked on by one tab at a time: two with one token do not hear each other's messages. */

const MINE = 'nexo-chat-account';

/** So long the other tab has to write what it keeps, or to be gone if it was left. */
const HANDOVER_MS = 2_000;

/** So long a tab has to answer. */
const ANSWER_MS = 150;

/** What tabs ask one another, and what the one that has the account answers. */
const ANSWERS = { who: 'me', give: 'given' } as const;

/** The account of this tab, else that of the last one. */
export function account(): string | undefined {
  return sessionStorage.getItem(MINE) ?? localStorage.getItem(MINE) ?? undefined;
}

/** Remembers the account of this tab, also for the next one. */
export function remember(user_id: string): void {
  sessionStorage.setItem(MINE, user_id);
  localStorage.setItem(MINE, user_id);
}

/** Forgets it. */
export function forget(user_id: string): void {
  sessionStorage.removeItem(MINE);
  if (localStorage.getItem(MINE) === user_id) localStorage.removeItem(MINE);
}

/** Where an account keeps its things. */
export function placeOf(user_id: string): string {
  return `nexo-chat/${user_id}`;
}

/** Pages that are not secure have none. There the tabs only ask one another. */
const locks = navigator.locks as LockManager | undefined;

/** Asks the other tabs. Answers whether one has answered. */
function ask(user_id: string, question: keyof typeof ANSWERS, withinMs: number): Promise<boolean> {
  const channel = new BroadcastChannel(placeOf(user_id));
  return new Promise((resolve) => {
    const end = (answered: boolean): void => {
      clearTimeout(timer);
      channel.close();
      resolve(answered);
    };
    const timer = setTimeout(end, withinMs, false);
    channel.onmessage = ({ data }) => data === ANSWERS[question] && end(true);
    channel.postMessage(question);
  });
}

/** What a tab does when another one wants its account: it resolves when all is written. */
export type GiveUp = () => Promise<void>;

/** The right to work on an account. */
export class Hold {
  readonly #channel: BroadcastChannel;
  readonly #release: () => void;
  #given = false;

  private constructor(user_id: string, giveUp: GiveUp, release: () => void) {
    this.#release = release;
    this.#channel = new BroadcastChannel(placeOf(user_id));
    this.#channel.onmessage = ({ data }) => {
      if (data === 'who') this.#channel.postMessage(ANSWERS.who);
      if (data === 'give') void this.#give(giveUp);
    };
  }

  /** Takes it if no other tab has it; a page that is just being left, as by a reload, is waited for. */
  static async take(user_id: string, giveUp: GiveUp): Promise<Hold | undefined> {
    if (!locks) return (await ask(user_id, 'who', ANSWER_MS)) ? undefined : Hold.#unlocked(user_id, giveUp);
    const free = await Hold.#request(user_id, giveUp, { ifAvailable: true });
    if (free) return free;
    // A page that is just being left does not answer.
    if (await ask(user_id, 'who', ANSWER_MS)) return undefined;
    try {
      return await Hold.#request(user_id, giveUp, { signal: AbortSignal.timeout(HANDOVER_MS) });
    } catch {
      return undefined;
    }
  }

  /** Takes it from the tab that has it, which is asked first and not waited for long. */
  static async insist(user_id: string, giveUp: GiveUp): Promise<Hold | undefined> {
    if (!locks) {
      if (await ask(user_id, 'who', ANSWER_MS)) await ask(user_id, 'give', HANDOVER_MS);
      return Hold.#unlocked(user_id, giveUp);
    }
    const free = await Hold.#request(user_id, giveUp, { ifAvailable: true });
    if (free) return free;
    void ask(user_id, 'give', HANDOVER_MS);
    try {
      return await Hold.#request(user_id, giveUp, { signal: AbortSignal.timeout(HANDOVER_MS) });
    } catch {
      // It sleeps, as hidden tabs do.
      return Hold.#request(user_id, giveUp, { steal: true });
    }
  }

  /** Lets others have it. */
  release(): void {
    this.#given = true;
    this.#channel.close();
    this.#release();
  }

  async #give(giveUp: GiveUp): Promise<void> {
    if (this.#given) return;
    this.#given = true;
    await giveUp();
    this.#channel.postMessage(ANSWERS.give);
    this.release();
  }

  static #unlocked(user_id: string, giveUp: GiveUp): Hold {
    // A tab that did not answer in time may only be slow, or sleep: it hears this when it wakes.
    void ask(user_id, 'give', 0);
    return new Hold(user_id, giveUp, () => {});
  }

  static #request(user_id: string, giveUp: GiveUp, options: LockOptions): Promise<Hold | undefined> {
    return new Promise((resolve, reject) => {
      let hold: Hold | undefined;
      const held = navigator.locks.request(placeOf(user_id), options, (lock) => {
        if (!lock) return resolve(undefined);
        return new Promise<void>((release) => resolve((hold = new Hold(user_id, giveUp, release))));
      });
      // Another tab stole it, or it was not had in time.
      held.catch((error: unknown) => (hold ? void hold.#give(giveUp) : reject(error)));
    });
  }
}
