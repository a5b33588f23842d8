/** What of a text is a link. Pure. */

/** A piece of a text: as it stands, or with where it leads. */
export interface Piece {
  text: string;
  href?: string;
}

// Quotes, brackets and the punctuation of Chinese end an address: there it is written without a space before it.
const ADDRESS = /https?:\/\/[^\s<>"'“”‘’「」『』《》【】（），。；：！？、]+/gi;
/** What is longer is no address that somebody would follow, and takes long to cut. */
const LONGEST = 2_048;
const TRAILING = /[.,;:!?*_~]+$/;

/** A text in pieces; only http and https become links. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    if (match[0].length > LONGEST) continue;
    const address = trimmed(match[0]);
    const href = webAddress(address);
    if (!href) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index) });
    found.push({ text: address, href });
    from = match.index + address.length;
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
}

/** The address, if it is one of the web; anything else may do things that a link should not. */
export function webAddress(text: string): string | undefined {
  try {
    const url = new URL(text.trim());
    return (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '' ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** Without the punctuation of the sentence around it, and without a bracket that was opened before it. */
function trimmed(address: string): string {
  let text = address.replace(TRAILING, '');
  for (const [open, close] of ['()', '[]', '{}']) {
    while (text.endsWith(close ?? '') && count(text, close) > count(text, open)) text = text.slice(0, -1).replace(TRAILING, '');
  }
  return text;
}

function count(text: string, sign = ''): number {
  return text.split(sign).length - 1;
}
