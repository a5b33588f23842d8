/** The codes of docs/api.md, by name. */

/** Codes of answers. */
export const Code = {
  Success: 0,
  InvalidParameter: 1001,
  Internal: 1002,
  Unauthorised: 1003,
  Forbidden: 1004,
  NotFound: 1005,
  TooManyRequests: 1006,
  NoAccess: 1007,
  TokenInvalid: 2001,
  TokenExpired: 2002,
  TokenMissing: 2003,
  TokenMismatch: 2004,
  LoginFailed: 2005,
  NoSuchUser: 2006,
  UserExists: 2007,
  WrongPassword: 2008,
  NoSuchGroup: 3001,
  GroupDismissed: 3002,
  NotAMember: 3003,
  MemberState: 3004,
  AlreadyAMember: 3005,
  NotTheOwner: 3006,
  NotAnAdmin: 3007,
  OwnerStays: 3008,
  NoSuchMessage: 4001,
  DuplicateMessage: 4002,
  NoSuchConversation: 4003,
  NoSeq: 4004,
  SendFailed: 4005,
  PullFailed: 4006,
  TooManyConnections: 5001,
  ConnectionClosed: 5002,
  ProtocolError: 5003,
  PushFailed: 5004,
} as const;

/** What a client does when a socket ended. */
export type AfterClose =
  /** Reconnects after a short random delay: the server wants it back, and perhaps everybody else. */
  | 'soon'
  /** Reconnects after a delay that grows with each failure. */
  | 'grow'
  /** Does not reconnect: another login took its place. */
  | 'replaced'
  /** Gets a new token first. */
  | 'token'
  /** Waits long: the user has too many connections. */
  | 'crowded';

/** The table of close codes of docs/api.md. */
export function afterClose(code: number): AfterClose {
  switch (code) {
    case 1001:
    case 1011:
    case 1012:
    case 4008:
      return 'soon';
    case 4001:
      return 'replaced';
    case 4002:
      return 'token';
    case 4013:
      return 'crowded';
    default:
      return 'grow';
  }
}

/** Whether the outcome of a call with this answer is open, so that the same call is made again. */
export function passes(code: number): boolean {
  return code === Code.Internal || code === Code.TooManyRequests;
}

/** Whether a code says that the token does not count. */
export function isTokenCode(code: number): boolean {
  return code === Code.TokenInvalid || code === Code.TokenExpired || code === Code.TokenMissing;
}
