/** What a page complains of: errors in its console, thrown errors, and what its Content-Security-Policy stopped. */

import type { BrowserContext } from '@playwright/test';

/** What browsers write by themselves while a network or a server is away. */
export const NETWORK_AWAY = /net::ERR_|WebSocket connection to .* failed/;

/** Collects the complaints of all pages of some contexts. */
export class Watch {
  readonly #seen: string[] = [];
  readonly #expected: RegExp[] = [];

  /** These are part of the test. */
  expect(complaint: RegExp): void {
    this.#expected.push(complaint);
  }

  async on(context: BrowserContext): Promise<void> {
    context.on('console', (message) => {
      const { url } = message.location();
      if (['error', 'warning'].includes(message.type())) this.#seen.push(`${message.type()}: ${message.text()} (${url})`);
    });
    context.on('weberror', (error) => this.#seen.push(`thrown: ${String(error.error().stack ?? error.error())}`));
    await context.exposeFunction('nexoStopped', (what: string) => this.#seen.push(`policy: ${what}`));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile }) => {
        const tell = (window as unknown as { nexoStopped: (what: string) => void }).nexoStopped;
        tell(`${violatedDirective} ${blockedURI} ${sourceFile}`);
      });
    });
  }

  /** All that nobody expected. */
  complaints(): string[] {
    return this.#seen.filter((seen) => !this.#expected.some((expected) => expected.test(seen)));
  }
}
