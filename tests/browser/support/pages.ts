/** A web server of another origin, with a page that has the client library and nothing else. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const LIBRARY = join(import.meta.dirname, '../../../sdk/typescript/dist');
const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page of another origin</title>
<link rel="icon" href="data:,"><script type="module">
import * as nexo from '/client/index.js';
window.nexo = nexo;
</script></html>`;

const PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400" width="640" height="400">
<defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="#7fb2e5"/><stop offset="1" stop-color="#fde7c8"/></linearGradient></defs>
<path fill="url(#s)" d="M0 0h640v400H0z"/><circle cx="470" cy="120" r="44" fill="#fff3d6"/>
<path fill="#8aa0bd" d="M0 260 130 130l90 90 110-150 150 170 80-70 80 90v130H0z"/><path fill="#fff" d="m330 70-40 55 30 12 18-14 24 16 18-14z"/>
<path fill="#54806b" d="M0 290q160-60 320-10t320-20v90H0z"/><path fill="#4f83b0" d="M0 330q320-40 640 0v70H0z"/>
<path stroke="#dcebf7" stroke-width="3" d="M60 356h120M240 372h160M450 352h110"/></svg>`;

/** Serves the page at /, the built library below /client/, and a picture at /picture.svg. */
export class Pages {
  readonly #server: HttpServer;
  /** Where those who asked for pictures said that they come from. */
  readonly referers: string[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      const module = /^\/client\/([a-z]+\.js)$/.exec(request.url ?? '')?.[1];
      if (module) response.setHeader('content-type', 'text/javascript').end(readFileSync(join(LIBRARY, module)));
      else if (request.url === '/') response.setHeader('content-type', 'text/html').end(PAGE);
      else if (request.url?.startsWith('/picture.svg')) response.setHeader('content-type', 'image/svg+xml').end(PICTURE);
      else response.writeHead(404).end();
      if (request.url?.includes('.svg') && request.headers.referer !== undefined) this.referers.push(request.headers.referer);
    });
  }

  static async start(): Promise<Pages> {
    const pages = new Pages();
    pages.#server.listen(0, '127.0.0.1');
    await once(pages.#server, 'listening');
    return pages;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
