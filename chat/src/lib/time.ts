/** Times as people say them. Pure: now and the language are given. */

const DAY_MS = 86_400_000;

/** Words that a formatter does not have. */
export interface DayWords {
  today: string;
  yesterday: string;
}

/** The ways in which a time is written. */
const STYLES = {
  clock: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  weekday: { weekday: 'long' },
  shortWeekday: { weekday: 'short' },
  day: { month: 'long', day: 'numeric' },
  dayAndYear: { month: 'long', day: 'numeric', year: 'numeric' },
  shortDay: { month: 'numeric', day: 'numeric' },
  shortDayAndYear: { month: 'numeric', day: 'numeric', year: '2-digit' },
  full: { dateStyle: 'full', timeStyle: 'short' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

/** Making one is slow, so each is made once. */
const made = new Map<string, Intl.DateTimeFormat>();

function format(language: string, style: keyof typeof STYLES, at_ms: number): string {
  const key = `${language} ${style}`;
  let formatter = made.get(key);
  if (!formatter) made.set(key, (formatter = new Intl.DateTimeFormat(language, STYLES[style])));
  return formatter.format(at_ms);
}

/** The number of the day in the time zone of this device; equal for two times of one day. */
export function dayOf(at_ms: number): number {
  const date = new Date(at_ms);
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY_MS);
}

function sameYear(a_ms: number, b_ms: number): boolean {
  return new Date(a_ms).getFullYear() === new Date(b_ms).getFullYear();
}

/** Hours and minutes. */
export function clock(at_ms: number, language: string): string {
  return format(language, 'clock', at_ms);
}

/** Above the first message of a day. */
export function dayName(at_ms: number, now_ms: number, language: string, words: DayWords): string {
  const age = dayOf(now_ms) - dayOf(at_ms);
  if (age === 0) return words.today;
  if (age === 1) return words.yesterday;
  if (age > 1 && age < 7) return format(language, 'weekday', at_ms);
  return format(language, sameYear(at_ms, now_ms) ? 'day' : 'dayAndYear', at_ms);
}

/** In the list: short, and more exact the newer it is. */
export function shortTime(at_ms: number, now_ms: number, language: string, words: DayWords): string {
  const age = dayOf(now_ms) - dayOf(at_ms);
  if (age <= 0) return clock(at_ms, language);
  if (age === 1) return words.yesterday;
  if (age < 7) return format(language, 'shortWeekday', at_ms);
  return format(language, sameYear(at_ms, now_ms) ? 'shortDay' : 'shortDayAndYear', at_ms);
}

/** Day and time in full, for those who point at it. */
export function fullTime(at_ms: number, language: string): string {
  return format(language, 'full', at_ms);
}
