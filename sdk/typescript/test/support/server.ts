/** A real server of one's own, which can be killed, paused, and started again where it was. The tests in the browser use it too. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Where the repository is: this file runs as it is, or compiled into `build`. */
export const ROOT = import.meta.dirname.replace(/\/sdk\/typescript\/.*$/, '');

function binary(): string {
  const found = [process.env['NEXO_BINARY'], join(ROOT, 'target/release/nexo'), join(ROOT, 'target/debug/nexo')];
  const path = found.find((path) => path !== undefined && existsSync(path));
  if (!path) throw new Error('no server: run `cargo build`, or name one in NEXO_BINARY');
  return path;
}

/** A server with a data folder of its own. */
export class Server {
  readonly #folder = mkdtempSync(join(process.env['NEXO_TEST_PLACE'] ?? tmpdir(), 'nexo-server-'));
  readonly #settings: Record<string, string>;
  #process: ChildProcess | undefined;
  #port = 0;
  readonly #exit = (): void => void this.#process?.kill('SIGKILL');

  private constructor(settings: Record<string, string>) {
    this.#settings = settings;
    // Whatever ends this process, the server does not outlive it.
    process.once('exit', this.#exit);
  }

  /** Starts one; `settings` are environment variables without `NEXO__`. Rates do not hold, unless asked for. */
  static async start(settings: Record<string, string> = {}): Promise<Server> {
    const server = new Server({ LIMITS__ENABLED: 'false', SERVER__MAX_CONNECTIONS: '1000', ...settings });
    await server.again();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** Starts it again, on the same port and data. */
  async again(): Promise<void> {
    const settings = Object.entries(this.#settings).map(([name, value]) => [`NEXO__${name}`, value]);
    const child = spawn(binary(), ['serve', '--listen', `127.0.0.1:${this.#port}`, '--data', join(this.#folder, 'data')], {
      env: { PATH: process.env['PATH'], NEXO__LOG__FILTER: 'warn', ...Object.fromEntries(settings) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#process = child;
    // For who cleans up after this process, if it is killed.
    writeFileSync(join(this.#folder, 'pid'), `${child.pid ?? ''}\n`);
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([
      once(lines, 'line'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the server did not start: ${String(code)}`);
      }),
    ])) as [string];
    this.#port = Number(/:(\d+)\/?$/.exec(line)?.[1]);
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Ends it as an operator does. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** It stands still, and says nothing: connections stay open. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  /** It goes on where it stood. */
  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Ends it, and throws its data away. */
  async remove(): Promise<void> {
    await this.kill();
    process.removeListener('exit', this.#exit);
    rmSync(this.#folder, { recursive: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}
