/** A network that can fail: TCP connections through it are cut, or go silent. */

import { once } from 'node:events';
import { type AddressInfo, createServer, connect, type Server, type Socket } from 'node:net';

/** A proxy in front of a port. */
export class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #state: 'up' | 'down' | 'silent' = 'up';

  private constructor(target: number) {
    this.#server = createServer((near) => {
      if (this.#state === 'down') {
        near.destroy();
        return;
      }
      const far = connect(target, '127.0.0.1');
      this.#join(near, far);
      this.#join(far, near);
    });
  }

  static async before(target: number): Promise<Proxy> {
    const proxy = new Proxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts all connections, and takes no new ones. */
  cut(): void {
    this.#state = 'down';
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Passes nothing on any more, and tells nobody. */
  silence(): void {
    this.#state = 'silent';
  }

  /** Works again. What was said into the silence is lost, and with it the connections of that time. */
  mend(): void {
    if (this.#state === 'silent') for (const socket of this.#sockets) socket.destroy();
    this.#state = 'up';
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (bytes) => {
      if (this.#state !== 'silent') to.write(bytes);
    });
    // Whatever ended it, the other side ends too.
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
