/** How the page looks and speaks: as the device does, or as the user chose here. */

import { computed, effect, signal } from '@preact/signals';
import { type Language, dictionaries, languageOf } from '../i18n/index.js';

/** Light or dark, or whatever the device has. */
export type Theme = 'system' | 'light' | 'dark';

const THEME = 'nexo-chat-theme';
const LANGUAGE = 'nexo-chat-language';

const dark = matchMedia('(prefers-color-scheme: dark)');
const deviceIsDark = signal(dark.matches);
dark.addEventListener('change', () => {
  deviceIsDark.value = dark.matches;
});

function keptTheme(): Theme {
  const kept = localStorage.getItem(THEME);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

export const theme = signal<Theme>(keptTheme());
export const language = signal<Language>(languageOf(localStorage.getItem(LANGUAGE) ?? navigator.language));

/** The words of the language. */
export const words = computed(() => dictionaries[language.value]);

/** For times: the variant that the device prefers, of the language that was chosen. */
export const locale = computed(() =>
  languageOf(navigator.language) === language.value ? navigator.language : language.value === 'zh' ? 'zh-CN' : 'en-GB',
);

/** Chooses, for next time too. */
export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  localStorage.setItem(THEME, chosen);
}

export function chooseLanguage(chosen: Language): void {
  language.value = chosen;
  localStorage.setItem(LANGUAGE, chosen);
}

effect(() => {
  const system = deviceIsDark.value ? 'dark' : 'light';
  document.documentElement.dataset['theme'] = theme.value === 'system' ? system : theme.value;
});

effect(() => {
  document.documentElement.lang = language.value === 'zh' ? 'zh-Hans' : 'en';
});

/** The time, as exact as days need it. */
export const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now();
}, 60_000);

/** Whether list and chat are two screens. */
const small = matchMedia('(max-width: 700px)');
export const narrow = signal(small.matches);
small.addEventListener('change', () => {
  narrow.value = small.matches;
});
