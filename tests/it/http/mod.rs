//! The REST door, end to end: one file per noun, and the transport below them all.

mod auth;
mod blocks;
mod browsers;
mod chat;
mod contents;
mod conversations;
mod costs;
mod full_disk;
mod group_roles;
mod groups;
mod hostile;
mod keys;
mod limits;
mod messages;
mod overload;
mod pull;
mod races;
mod read_state;
mod tls;
mod tokens;
mod transport;
mod users;
mod windows;

/// Every route that needs a token: method, path, and a body or query that is well formed.
pub(crate) const AUTHENTICATED: [(&str, &str); 25] = [
    ("POST", "/auth/logout"),
    ("POST", "/auth/refresh"),
    ("GET", "/user/info"),
    ("GET", "/user/profile/somebody"),
    ("PUT", "/user/update"),
    ("POST", "/group/create"),
    ("POST", "/group/join"),
    ("POST", "/group/quit"),
    ("POST", "/group/transfer"),
    ("POST", "/group/dismiss"),
    ("POST", "/group/kick"),
    ("POST", "/group/set_role"),
    ("PUT", "/group/update"),
    ("PUT", "/group/nickname"),
    ("GET", "/group/info?group_id=1"),
    ("GET", "/group/members?group_id=1"),
    ("POST", "/msg/send"),
    ("GET", "/msg/pull?conversation_id=si_a:b"),
    ("GET", "/msg/max_seq?conversation_id=si_a:b"),
    ("GET", "/conversation/list"),
    ("GET", "/conversation/info?conversation_id=si_a:b"),
    ("PUT", "/conversation/update?conversation_id=si_a:b"),
    ("POST", "/conversation/mark_read"),
    ("GET", "/conversation/max_read_seq?conversation_id=si_a:b"),
    ("GET", "/conversation/unread_count?conversation_id=si_a:b"),
];
