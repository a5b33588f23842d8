/** The way in: signing in, creating an account, and coming back from elsewhere. */

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { create, signIn, useAnother, useHere } from '../state/session.js';
import { words } from '../state/settings.js';
import { Appearance } from './menu.js';
import { Field, Form, useAction } from './parts.js';

function Frame({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <main class="entry">
      <div class="card">
        <p class="brand">
          <span class="mark" aria-hidden="true" />
          {words.value.appName}
        </p>
        <h1>{title}</h1>
        {children}
      </div>
      <Appearance />
    </main>
  );
}

/** Signs in or creates an account. */
export function Entry({ expired }: { expired: string | undefined }) {
  const say = words.value;
  const [creating, setCreating] = useState(false);
  const [user_id, setUserId] = useState(expired ?? '');
  const [nickname, setNickname] = useState('');
  const [password, setPassword] = useState('');
  const credentials = { user_id: user_id.trim(), password };
  const title = creating ? say.createAccount : say.signIn;
  return (
    <Frame title={title}>
      <p class="hint">{say.tagline}</p>
      {expired !== undefined && <p role="alert">{say.expired}</p>}
      <Form
        key={title}
        label={title}
        submit={() => (creating ? create(credentials, nickname.trim() || credentials.user_id) : signIn(credentials))}
      >
        <Field
          label={say.userId}
          value={user_id}
          onInput={setUserId}
          autocomplete="username"
          maxLength={64}
          focus
          {...(creating ? { hint: say.userIdHint } : {})}
        />
        {creating && (
          <Field label={say.nickname} value={nickname} onInput={setNickname} autocomplete="nickname" maxLength={64} hint={say.nicknameHint} />
        )}
        <Field
          label={say.password}
          secret
          value={password}
          onInput={setPassword}
          autocomplete={creating ? 'new-password' : 'current-password'}
          {...(creating ? { hint: say.passwordHint } : {})}
        />
      </Form>
      <button type="button" class="link" onClick={() => setCreating(!creating)}>
        {creating ? say.toSignIn : say.toCreate}
      </button>
    </Frame>
  );
}

/** A login elsewhere took the place of this one. */
export function Replaced({ user_id }: { user_id: string }) {
  const say = words.value;
  const [password, setPassword] = useState('');
  return (
    <Frame title={say.replacedTitle}>
      <p role="alert">{say.replacedText(user_id)}</p>
      <Form label={say.useHereAgain} submit={() => signIn({ user_id, password })}>
        <input class="hidden" type="text" name="username" autocomplete="username" value={user_id} readOnly tabIndex={-1} aria-hidden="true" />
        <Field label={say.password} secret value={password} onInput={setPassword} autocomplete="current-password" focus />
      </Form>
      <button type="button" class="link" onClick={useAnother}>
        {say.useAnother}
      </button>
    </Frame>
  );
}

/** Another tab works on the account. */
export function OtherTab({ user_id }: { user_id: string }) {
  const say = words.value;
  const { busy, run } = useAction();
  return (
    <Frame title={say.otherTabTitle}>
      <p role="alert">{say.otherTabText(user_id)}</p>
      <button type="button" class="primary" disabled={busy} onClick={() => run(() => useHere(user_id))}>
        {say.useHere}
      </button>
      <button type="button" class="link" onClick={useAnother}>
        {say.useAnother}
      </button>
    </Frame>
  );
}
