/** Parts that many places use: avatars, buttons, fields, forms, dialogs. */

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { explain } from '../i18n/index.js';
import { webAddress } from '../lib/links.js';
import { hue, initials } from '../lib/people.js';
import { words } from '../state/settings.js';
import { Icon, type IconName } from './icons.js';

/** A picture of somebody or of a group, or the first letters of the name. */
export function Avatar({ id, name, url, large }: { id: string; name: string | undefined; url?: string | undefined; large?: boolean }) {
  const address = url ? webAddress(url) : undefined;
  const [broken, setBroken] = useState<string>();
  const size = large ? ' large' : '';
  if (name === undefined) return <span class={`avatar skeleton${size}`} />;
  return (
    <span class={`avatar hue-${hue(id)}${size}`} aria-hidden="true">
      {initials(name)}
      {address && address !== broken && (
        <img src={address} alt="" loading="lazy" referrerpolicy="no-referrer" onError={() => setBroken(address)} />
      )}
    </span>
  );
}

/** A button that is a picture. */
export function IconButton(props: { icon: IconName; label: string; onClick: () => void; kind?: string; expanded?: boolean }) {
  const { icon, label, onClick, kind = '', expanded } = props;
  return (
    <button type="button" class={`icon-button ${kind}`} aria-label={label} title={label} aria-expanded={expanded} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

/** How many messages nobody has read yet. */
export function UnreadBadge({ unread, quiet }: { unread: number; quiet?: boolean }) {
  return (
    <span class={quiet ? 'badge quiet' : 'badge'} role="img" aria-label={words.value.unread(unread)}>
      {unread > 999 ? '999+' : unread}
    </span>
  );
}

/** A line to type into. */
export function Field(props: {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string;
  secret?: boolean;
  address?: boolean;
  autocomplete?: string;
  required?: boolean;
  maxLength?: number;
  focus?: boolean;
}) {
  const { label, value, onInput, hint, secret, address, autocomplete = 'off', required = true, maxLength, focus } = props;
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (focus) input.current?.focus();
  }, []);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        {...{ id, value, required }}
        {...(secret ? { type: 'password' as const } : { type: 'text' as const })}
        inputMode={address ? 'url' : 'text'}
        ref={input}
        maxLength={maxLength ?? 1_024}
        autocomplete={autocomplete}
        autocapitalize="none"
        spellcheck={false}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

/** What a button starts, and what is done afterwards if the button is still there. */
type Run = (work: () => Promise<void>, done?: () => void) => void;

/** Something that a button starts: whether it runs, and why it failed. If the button is gone by then, `late` hears of that. */
export function useAction(late?: (why: string) => void): { busy: boolean; error: string | undefined; run: Run } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const alive = useRef(true);
  useEffect(() => () => void (alive.current = false), []);
  const run: Run = (work, done) => {
    if (busy) return;
    setBusy(true);
    setError(undefined);
    work()
      .then(() => alive.current && done?.())
      .catch((cause: unknown) => (alive.current ? setError : late)?.(explain(words.peek(), cause)))
      .finally(() => alive.current && setBusy(false));
  };
  return { busy, error, run };
}

/** Fields and the button that sends them. */
export function Form(props: { label: string; submit: () => Promise<void>; children: ComponentChildren }) {
  const { busy, error, run } = useAction();
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        run(props.submit);
      }}
    >
      {props.children}
      <Failure text={error} />
      <button type="submit" class="primary" disabled={busy}>
        {props.label}
      </button>
    </form>
  );
}

/** Why something failed. */
export function Failure({ text }: { text: string | undefined }) {
  return (
    <p class="failure" role="alert" hidden={text === undefined}>
      {text}
    </p>
  );
}

/** Something in front of the page; Esc, the button and a click beside it close it. */
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    return () => {
      element?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onClose={close}
      onPointerDown={(event) => event.target === event.currentTarget && close()}
    >
      <div class="dialog">
        <header>
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label={words.value.close} onClick={close} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** Asks before something that cannot be undone. */
export function Sure(props: { title: string; text: string; act: () => Promise<void>; close: () => void }) {
  const { title, text, act, close } = props;
  const { busy, error, run } = useAction();
  return (
    <Dialog title={title} close={close}>
      <p>{text}</p>
      <Failure text={error} />
      <div class="buttons">
        <button type="button" onClick={close}>
          {words.value.cancel}
        </button>
        <button type="button" class="danger" disabled={busy} onClick={() => run(() => act().then(close))}>
          {title}
        </button>
      </div>
    </Dialog>
  );
}

/** A text that can be copied, such as an id. */
export function Copyable({ label, text, hint }: { label: string; text: string; hint?: string }) {
  const [copied, setCopied] = useState(false);
  // Pages that are not secure have no clipboard.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  const copy = (): void => void clipboard?.writeText(text).then(() => setCopied(true), () => setCopied(false));
  return (
    <p class="copyable">
      <span>{label}</span> <code>{text}</code>
      {clipboard && (
        <button type="button" class="small" onClick={copy}>
          {copied ? words.value.copied : words.value.copy}
        </button>
      )}
      {hint && <span class="hint">{hint}</span>}
    </p>
  );
}
