/** How a person or a group is drawn without a picture. Pure. */

/** As many colours as the style sheet has. */
const HUES = 8;

/** One or two letters of a name. */
export function initials(name: string): string {
  const words = name.split(/[\s._@+-]+/u).map((word) => word.replace(/[^\p{L}\p{N}]/gu, '')).filter((word) => word !== '');
  const [first = '', ...more] = words;
  // A Chinese name is known by its last characters, and has no spaces.
  if (more.length === 0 && /\p{Script=Han}/u.test(first)) return [...first].slice(-2).join('');
  const letters = [first, more.at(-1) ?? ''].map((word) => [...word][0] ?? '').join('');
  return letters.toLocaleUpperCase() || firstSign(name.trim()) || '?';
}

/** The first sign as people see it: an emoji may be of many characters. */
function firstSign(text: string): string {
  const [first] = new Intl.Segmenter().segment(text);
  return first?.segment ?? '';
}

/** The number of a colour: the same for one id everywhere. FNV-1a with its upper half mixed in, for short ids are alike in the lower bits. */
export function hue(id: string): number {
  let hash = 0x811c9dc5;
  for (const sign of id) hash = Math.imul(hash ^ (sign.codePointAt(0) ?? 0), 0x01000193);
  return ((hash ^ (hash >>> 15)) >>> 0) % HUES;
}

/** User ids out of what somebody typed. */
export function idsIn(text: string): string[] {
  return [...new Set(text.split(/[\s,;，、；]+/u).filter((id) => id !== ''))];
}
