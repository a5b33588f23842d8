/** Where messages are written. */

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Room } from '../state/room.js';
import { narrow, words } from '../state/settings.js';
import { dialog } from './dialogs.js';
import { Icon } from './icons.js';
import { IconButton } from './parts.js';

/** What is not sent yet, in this tab. */
const DRAFT = 'nexo-chat-draft/';

export function Composer({ room }: { room: Room }) {
  const say = words.value;
  const [text, setText] = useState(() => sessionStorage.getItem(DRAFT + room.id) ?? '');
  const area = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    // On a phone the keyboard would cover what one came to read.
    if (!narrow.peek()) area.current?.focus();
  }, []);
  useEffect(() => {
    if (text === '') sessionStorage.removeItem(DRAFT + room.id);
    else sessionStorage.setItem(DRAFT + room.id, text.slice(0, 100_000));
  }, [text]);
  const fit = (): void => {
    const element = area.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  };
  useLayoutEffect(fit, [text]);
  useEffect(() => {
    addEventListener('resize', fit);
    return () => removeEventListener('resize', fit);
  }, []);

  const send = (): void => {
    if (text.trim() === '') return;
    room.send({ text });
    setText('');
    area.current?.focus();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <IconButton icon="image" label={say.sendImage} onClick={() => (dialog.value = { name: 'send-image' })} />
      <textarea
        ref={area}
        rows={1}
        value={text}
        aria-label={say.message}
        placeholder={say.messagePlaceholder}
        dir="auto"
        enterkeyhint="send"
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          // While an input method composes, Enter is its own.
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
          event.preventDefault();
          send();
        }}
      />
      <button type="submit" class="icon-button send" aria-label={say.send} title={say.send} disabled={text.trim() === ''}>
        <Icon name="send" />
      </button>
    </form>
  );
}
