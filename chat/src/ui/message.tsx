/** One message. What others wrote is text, whatever it looks like. */

import { memo } from 'preact/compat';
import { useState } from 'preact/hooks';
import { errorText } from '../i18n/index.js';
import { pieces, webAddress } from '../lib/links.js';
import type { Row } from '../lib/rows.js';
import { clock, dayName, fullTime } from '../lib/time.js';
import type { Chat } from '../state/chat.js';
import type { Room } from '../state/room.js';
import { locale, now, words } from '../state/settings.js';
import { Icon } from './icons.js';
import { Avatar } from './parts.js';
import { gist, nameOf } from './texts.js';

interface MessageProps {
  chat: Chat;
  room: Room;
  row: Row;
}

/** A row of the history: the message, and what stands above it. */
export const MessageRow = memo(
  ({ chat, room, row }: MessageProps) => {
    const say = words.value;
    return (
      <div class="history-row">
        {row.newDay && (
          <p class="separator">
            <time>{dayName(row.at_ms, now.value, locale.value, say)}</time>
          </p>
        )}
        {row.firstUnread && <p class="separator unread-line">{say.newMessages}</p>}
        <Bubble chat={chat} room={room} row={row} />
      </div>
    );
  },
  ({ row: a, room: one }, { row: b, room: other }) =>
    one === other && (Object.keys(a) as (keyof Row)[]).every((key) => a[key] === b[key]),
);

function Bubble({ chat, room, row }: MessageProps) {
  const say = words.value;
  const group = 'group_id' in room.to;
  const other = group && !row.mine;
  const name = row.mine ? say.you : nameOf(chat, row.sender_id);
  const at = clock(row.at_ms, locale.value);
  const kind = [row.mine ? 'mine' : 'theirs', row.first ? 'first' : '', row.last ? 'last' : '', group ? 'in-group' : ''];
  return (
    <article
      class={`message ${kind.join(' ')}`}
      aria-label={`${name}, ${at}`}
      data-seq={row.seq}
      data-state={row.mine ? row.delivery : undefined}
      data-client-msg-id={row.mine ? row.client_msg_id : undefined}
    >
      {other && row.last && <Avatar id={row.sender_id} name={name} url={chat.names.user(row.sender_id)?.avatar} />}
      <div class={`bubble ${row.msg_type === 2 ? 'picture' : ''}`}>
        {other && row.first && <bdi class="sender">{name}</bdi>}
        <Content row={row} />
        <span class="meta">
          <time title={fullTime(row.at_ms, locale.value)}>{at}</time>
          {row.mine && <State row={row} />}
        </span>
      </div>
      {row.delivery === 'failed' && <Failed chat={chat} room={room} row={row} />}
    </article>
  );
}

function State({ row: { delivery } }: { row: Row }) {
  const say = words.value;
  const icons = { sending: 'clock', sent: 'check', failed: 'alert' } as const;
  return (
    <span class={`state ${delivery}`} title={say[delivery]}>
      <Icon name={icons[delivery]} />
      <span class="hidden">{say[delivery]}</span>
    </span>
  );
}

function Failed({ chat, room, row }: MessageProps) {
  const say = words.value;
  const { error, client_msg_id } = row;
  return (
    <div class="failed">
      <span>{error ? errorText(say, error.code, error.message) : say.failed}</span>
      <button type="button" class="small" onClick={() => room.retry(client_msg_id)}>
        {say.retry}
      </button>
      <button type="button" class="small" onClick={() => chat.discard(client_msg_id)}>
        {say.discard}
      </button>
    </div>
  );
}

function Content({ row }: { row: Row }) {
  const { msg_type, content } = row;
  switch (msg_type) {
    case 1:
      return <Text text={typeof content.text === 'string' ? content.text : ''} />;
    case 2:
      return <Picture row={row} />;
    default: {
      const url = [content.video_url, content.audio_url, content.file_url].find((one) => typeof one === 'string');
      const href = url ? webAddress(url) : undefined;
      return (
        <p class="text attachment" dir="auto">
          <Icon name="file" />
          {href ? <Link href={href} text={gist(row)} /> : gist(row)}
        </p>
      );
    }
  }
}

function Text({ text }: { text: string }) {
  return (
    <p class="text" dir="auto">
      {pieces(text).map((piece) => (piece.href ? <Link href={piece.href} text={piece.text} /> : piece.text))}
    </p>
  );
}

function Link({ href, text }: { href: string; text: string }) {
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {text}
    </a>
  );
}

/** The widest and the highest that an image is shown. */
const WIDEST = 320;
const HIGHEST = 320;

function Picture({ row: { content } }: { row: Row }) {
  const say = words.value;
  const [broken, setBroken] = useState(false);
  const address = typeof content.image_url === 'string' ? webAddress(content.image_url) : undefined;
  if (!address || broken) {
    return (
      <p class="broken">
        <Icon name="image" />
        <span class="text">{say.imageBroken}</span>
        {address && <Link href={address} text={address} />}
      </p>
    );
  }
  // Its place is there before it is: what is below does not move.
  const { width, height } = sizeOf(Number(content.image_width), Number(content.image_height));
  return (
    <a class="image-link" href={address} target="_blank" rel="noopener noreferrer">
      <img
        src={address}
        alt={say.image}
        {...{ width, height }}
        loading="lazy"
        decoding="async"
        referrerpolicy="no-referrer"
        onError={() => setBroken(true)}
      />
    </a>
  );
}

function sizeOf(width: number, height: number): { width: number; height: number } {
  if (!(width > 0 && height > 0)) return { width: 240, height: 180 };
  const scale = Math.min(1, WIDEST / width, HIGHEST / height);
  return { width: Math.max(48, Math.round(width * scale)), height: Math.max(48, Math.round(height * scale)) };
}
