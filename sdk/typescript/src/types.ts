/** The shapes of docs/api.md, with the names that they have there. */

/** A user. */
export interface User {
  user_id: string;
  nickname: string;
  avatar: string;
  extra: string;
  created_at: number;
}

/** 1 iOS, 2 Android, 3 Windows, 4 macOS, 5 Web. */
export type PlatformId = 1 | 2 | 3 | 4 | 5;

/** What `/auth/register` takes. */
export interface Register {
  user_id?: string;
  nickname: string;
  password: string;
  avatar?: string;
}

/** What `/auth/login` takes. */
export interface Login {
  user_id: string;
  password: string;
  platform_id: PlatformId;
}

/** What `/auth/login` answers. */
export interface LoggedIn {
  token: string;
  /** When the token ends, by the server's clock. */
  expires_at: number;
  user_info: User;
}

/** What `/auth/refresh` answers. */
export interface Refreshed {
  token: string;
  /** When the token ends, by the server's clock. */
  expires_at: number;
}

/** What `/user/update` takes: what is given changes. */
export interface UserUpdate {
  nickname?: string;
  avatar?: string;
  extra?: string;
}

/** 1 member, 2 admin, 3 owner. */
export type RoleLevel = 1 | 2 | 3;

/** A group, as all calls answer it. */
export interface Group {
  id: string;
  name: string;
  introduction: string;
  avatar: string;
  /** 1 normal, 2 dismissed. */
  status: 1 | 2;
  creator_user_id: string;
  /** What the caller is in it; 0 if it is not in it. */
  role_level: 0 | RoleLevel;
  created_at: number;
}

/** What `/group/create` answers. */
export interface CreatedGroup extends Group {
  updated_at: number;
}

/** What `/group/info` and `/group/update` answer. */
export interface GroupInfo extends Group {
  member_count: number;
}

/** What `/group/create` takes. */
export interface GroupCreate {
  name: string;
  introduction?: string;
  avatar?: string;
  member_ids?: string[];
}

/** What `/group/update` takes: what is given changes. */
export interface GroupUpdate {
  group_id: string;
  name?: string;
  introduction?: string;
  avatar?: string;
}

/** A member of a group. */
export interface Member {
  id: number;
  group_id: string;
  user_id: string;
  group_nickname: string;
  role_level: RoleLevel;
  /** 1 in the group, 2 has quit, 3 was kicked. */
  status: 1 | 2 | 3;
  joined_at: number;
  inviter_user_id: string;
}

/** 1 single, 2 group. */
export type SessionType = 1 | 2;

/** 1 text, 2 image, 3 video, 4 audio, 5 file, 100 custom. */
export type MsgType = 1 | 2 | 3 | 4 | 5 | 100;

/** The content of a message; which fields it needs depends on its type. Further fields are kept. */
export interface Content {
  text?: string;
  image_url?: string;
  image_width?: number;
  image_height?: number;
  image_size?: number;
  video_url?: string;
  video_duration?: number;
  video_size?: number;
  thumbnail_url?: string;
  audio_url?: string;
  audio_duration?: number;
  audio_size?: number;
  file_url?: string;
  file_name?: string;
  file_size?: number;
  custom_type?: string;
  custom_data?: string;
  [field: string]: unknown;
}

/** What `/msg/send` takes. */
export interface Send {
  client_msg_id: string;
  recv_id?: string;
  group_id?: string;
  session_type: SessionType;
  msg_type: MsgType;
  content: Content;
}

/** A stored message. (`conversation_id`, `seq`) names it. */
export interface Message {
  conversation_id: string;
  seq: number;
  client_msg_id: string;
  sender_id: string;
  recv_id: string;
  group_id: string;
  session_type: SessionType;
  msg_type: MsgType;
  content: Content;
  send_at: number;
}

/** A message as `/msg/pull` answers it. */
export interface PulledMessage extends Message {
  /** The text of a text message, else `""`. */
  content_text: string;
}

/** What `/msg/pull` takes. */
export interface Pull {
  conversation_id: string;
  begin_seq?: number;
  end_seq?: number;
  limit?: number;
}

/** What `/msg/pull` answers. */
export interface Page<M = PulledMessage> {
  messages: M[];
  max_seq: number;
}

/** What `/msg/max_seq` answers. */
export interface MaxSeq {
  max_seq: number;
}

/** A conversation of the caller. */
export interface Conversation {
  conversation_id: string;
  /** 1 single, 2 group. */
  conversation_type: SessionType;
  peer_user_id: string;
  group_id: string;
  /** 0 receive, 1 receive without an alert, 2 do not push. */
  recv_msg_opt: 0 | 1 | 2;
  is_pinned: boolean;
  unread_count: number;
  max_seq: number;
  read_seq: number;
  updated_at: number;
}

/** What `/conversation/update` takes. */
export interface ConversationUpdate {
  recv_msg_opt?: 0 | 1 | 2;
  is_pinned?: boolean;
}

/** What `/conversation/max_read_seq` answers. */
export interface ReadState {
  max_seq: number;
  read_seq: number;
  unread_count: number;
}

/** What `/conversation/unread_count` answers. */
export interface UnreadCount {
  unread_count: number;
}

/** Which page of a list. */
export interface ListPage {
  limit?: number;
  /** The `next` of the page before. */
  cursor?: string;
}

/** A page of a list, and where the next one begins, if there is one. */
export interface Listed<T> {
  items: T[];
  next: string | undefined;
}
