/** Languages: one dictionary each, all of one shape. Pure. */

import { type Words, en } from './en.js';
import { zh } from './zh.js';

/** What the page speaks. */
export type Language = 'en' | 'zh';

export const dictionaries: Record<Language, Words> = { en, zh };

/** Each language in its own words. */
export const languageNames: Record<Language, string> = { en: 'English', zh: '中文' };

/** The language for a tag such as `zh-TW`. */
export function languageOf(tag: string): Language {
  return /^zh\b/i.test(tag) ? 'zh' : 'en';
}

/** What went wrong, in words for people. */
export function explain(words: Words, error: unknown): string {
  if (!(error instanceof Error)) return words.otherError(String(error));
  if (error.name === 'NoAnswer') return words.noAnswer;
  const code = 'code' in error && typeof error.code === 'number' ? error.code : 0;
  return errorText(words, code, error.message);
}

/** The text of a code. What a code alone does not say is in the message. */
export function errorText(words: Words, code: number, message: string): string {
  const known = words.errors[code];
  if (known === undefined) return words.otherError(message);
  const said = message.replace(/ \(\d+\)$/, '');
  // The one names the field and what is expected of it, the other one, of several users, who is not there.
  const detail = code === 1001 ? said : code === 2006 ? /: (.+)$/.exec(said)?.[1] : undefined;
  return detail === undefined ? known : `${known} (${detail})`;
}
