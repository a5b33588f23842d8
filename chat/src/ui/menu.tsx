/** The menu of the list: profile, theme, language, signing out. */

import { useId, useRef } from 'preact/hooks';
import { type Language, languageNames } from '../i18n/index.js';
import { type Theme, chooseLanguage, chooseTheme, language, theme, words } from '../state/settings.js';
import { dialog } from './dialogs.js';
import { Icon } from './icons.js';

function Choice<T extends string>(props: { title: string; options: Record<T, string>; chosen: T; choose: (option: T) => void }) {
  const { title, options, chosen, choose } = props;
  const id = useId();
  const all = Object.entries(options) as [T, string][];
  return (
    <fieldset class="choice">
      <legend>{title}</legend>
      {all.map(([option, name]) => (
        <label key={option}>
          <input type="radio" name={id} checked={option === chosen} onChange={() => choose(option)} />
          <span>{name}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** How the page looks and speaks. */
export function Appearance() {
  const say = words.value;
  return (
    <div class="appearance">
      <Choice<Theme> title={say.theme} options={say.themes} chosen={theme.value} choose={chooseTheme} />
      <Choice<Language> title={say.language} options={languageNames} chosen={language.value} choose={chooseLanguage} />
    </div>
  );
}

/** The button and what it opens. */
export function Menu() {
  const say = words.value;
  const id = useId();
  const menu = useRef<HTMLDivElement>(null);
  const open = (name: 'profile' | 'sign-out') => (): void => {
    menu.current?.hidePopover();
    dialog.value = { name };
  };
  return (
    <>
      <button type="button" class="icon-button" aria-label={say.menu} title={say.menu} popovertarget={id}>
        <Icon name="menu" />
      </button>
      <div class="menu" id={id} ref={menu} popover="auto" role="group" aria-label={say.menu}>
        <button type="button" onClick={open('profile')}>
          {say.profile}
        </button>
        <Appearance />
        <button type="button" onClick={open('sign-out')}>
          {say.signOut}
        </button>
      </div>
    </>
  );
}
