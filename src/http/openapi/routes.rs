//! Every route that answers with the envelope: what it is for, what it takes, what it answers.

use utoipa::openapi::Required::{False, True};
use utoipa::openapi::path::HttpMethod::{self, Get, Post, Put};

use super::route::{Described, Route, route};
use crate::error::Code::{self, *};
use crate::wire::schemas::{AnyInteger, ConversationCursor, ConversationId, GroupId, MemberCursor, PageLimit, Seq, UserId};
use crate::wire::{
    ConversationView, CreateGroup, CreatedGroup, GroupInfo, GroupNickname, GroupRef, GroupRole, GroupTarget, JoinGroup,
    LoggedIn, LoginBody, MarkRead, MaxSeqView, MemberView, MessageView, PageView, ReadState, Refreshed, Register, SendBody,
    UnreadView, UpdateConversation, UpdateGroup, UpdateUser, UserView,
};

/// All of them, in the order of the API document.
pub(super) fn all() -> Vec<Described> {
    let sections = [
        ("Authentication", authentication()),
        ("Users", users()),
        ("Groups", groups()),
        ("Groups", members()),
        ("Messages", messages()),
        ("Conversations", conversations()),
    ];
    let described = sections.into_iter().flat_map(|(tag, routes)| routes.into_iter().map(|route| route.describe(tag)));
    described.collect()
}

fn authentication() -> Vec<Route> {
    vec![
        route(Post, "/auth/register", "Creates a user.")
            .public()
            .limited()
            .body::<Register>()
            .answers::<UserView>()
            .codes(&[UserExists]),
        route(Post, "/auth/login", "Gives a token.")
            .notes(
                "The token before, of this user on this platform, is refused (`2001`) from then on, and its sockets are closed with \
                4001. With `auth.uniform_login_errors`, `2005` stands in place of `2006` and `2008`.",
            )
            .public()
            .limited()
            .body::<LoginBody>()
            .answers::<LoggedIn>()
            .codes(&[LoginFailed, UserNotFound, WrongPassword]),
        route(Post, "/auth/refresh", "Exchanges the calling token for a new one of the same user and platform.")
            .notes(
                "The old token is refused (`2001`) from then on; but a refresh that is repeated with it within 30 s answers the same \
                new token, so that a lost answer logs nobody out. Open sockets stay.",
            )
            .answers::<Refreshed>(),
        route(Post, "/auth/logout", "Ends the calling token and closes its sockets with 4002."),
    ]
}

fn users() -> Vec<Route> {
    vec![
        route(Get, "/user/info", "The calling user.").answers::<UserView>(),
        route(Get, "/user/profile/{user_id}", "Another user, or oneself.")
            .in_path::<UserId>("user_id", "Whose profile; an id that nobody can have is `2006`.")
            .answers::<UserView>()
            .codes(&[UserNotFound]),
        route(Put, "/user/update", "Changes the fields that are given and no others; answers the user as it is now.")
            .body::<UpdateUser>()
            .answers::<UserView>(),
    ]
}

fn groups() -> Vec<Route> {
    vec![
        route(Post, "/group/create", "Creates a group; the caller becomes its owner.")
            .notes(
                "The group is in every member's conversation list at once. One unknown member is `2006`, more members than a group may \
                have (`limits.group_members`) are `1004`, and nothing is created.",
            )
            .body::<CreateGroup>()
            .answers::<CreatedGroup>()
            .codes(&[Forbidden, UserNotFound]),
        route(Put, "/group/update", "Changes the group's own fields; those that are not given stay. Owner or admin.")
            .body::<UpdateGroup>()
            .answers::<GroupInfo>()
            .codes(&IN_A_GROUP)
            .codes(&[NotGroupAdmin]),
        route(Post, "/group/dismiss", "Ends the group. Owner only.")
            .notes("Afterwards its `status` is 2, members keep their history, and sends are `3002`.")
            .body::<GroupRef>()
            .codes(&IN_A_GROUP)
            .codes(&[NotGroupOwner]),
        route(Get, "/group/info", "The group, for anyone with a token: one must be able to look before joining.")
            .query::<GroupId>("group_id", True, "Which group.")
            .answers::<GroupInfo>()
            .codes(&[GroupNotFound]),
    ]
}

/// How every change within a group may be refused.
const IN_A_GROUP: [Code; 3] = [GroupNotFound, GroupDismissed, NotGroupMember];

fn members() -> Vec<Route> {
    vec![
        route(Post, "/group/join", "Joins the caller.")
            .notes(
                "The new member sees the messages after this moment. A member that quit or was kicked may join again, up to 1,000 \
                times (then `1004`). A group that is full is `1004` too; an inviter that is no member is `3003`.",
            )
            .body::<JoinGroup>()
            .codes(&IN_A_GROUP)
            .codes(&[Forbidden, AlreadyGroupMember]),
        route(Post, "/group/quit", "Takes the caller out.")
            .notes("The owner transfers or dismisses the group first. Messages from before stay readable; later ones are not.")
            .body::<GroupRef>()
            .codes(&IN_A_GROUP)
            .codes(&[OwnerStays]),
        route(Post, "/group/transfer", "Makes another member the owner. Owner only.")
            .notes("The former owner becomes an ordinary member.")
            .body::<GroupTarget>()
            .codes(&IN_A_GROUP)
            .codes(&[NotGroupOwner]),
        route(Post, "/group/kick", "Removes a member. Owner or admin.")
            .notes("The member gets `status` 3 and keeps the history up to this moment. Only the owner kicks an admin.")
            .body::<GroupTarget>()
            .codes(&IN_A_GROUP)
            .codes(&[NotGroupOwner, NotGroupAdmin, OwnerStays]),
        route(Post, "/group/set_role", "Makes a member an admin, or an admin a member. Owner only.")
            .body::<GroupRole>()
            .codes(&IN_A_GROUP)
            .codes(&[NotGroupOwner]),
        route(Put, "/group/nickname", "Sets the caller's own name in the group.")
            .notes("Its members are told by `group_changed`.")
            .body::<GroupNickname>()
            .codes(&IN_A_GROUP),
        route(Get, "/group/members", "The current members, ordered by `id`. Members only.")
            .query::<GroupId>("group_id", True, "Which group.")
            .query::<PageLimit>("limit", False, "How many; without it and without `cursor`, all of them.")
            .query::<MemberCursor>("cursor", False, "Where to go on: the header `x-next-cursor` of the page before.")
            .answers_pages::<MemberView>()
            .codes(&[GroupNotFound, NotGroupMember]),
    ]
}

fn messages() -> Vec<Route> {
    vec![
        route(Post, "/msg/send", "Sends a message to a user or to a group; the answer comes when it is on the disk.")
            .notes(
                "A repeat with the same `client_msg_id`, destination, type and content answers as the first did and stores nothing; \
                with anything else it is `4002`. So after a lost answer, a time-out or `1002`, send the same body again. The message is \
                pushed to all connections of the recipients and to the sender's other platforms. `3003` never was a member of the \
                group, `3004` was one once.",
            )
            .limited()
            .body::<SendBody>()
            .answers::<MessageView>()
            .tells_standing()
            .codes(&IN_A_GROUP)
            .codes(&[UserNotFound, MemberStatus, DuplicateMessage]),
        in_conversation(Get, "/msg/pull", "A page of the messages of a conversation, ascending by `seq`.")
            .notes(
                "In a group, the messages of the times when the caller was a member. A hole between two seqs, up to `max_seq`, is \
                final.",
            )
            .query::<Seq>("begin_seq", False, "The first seq, inclusive; 0 without.")
            .query::<Seq>("end_seq", False, "The last seq, inclusive; the highest without.")
            .query::<PageLimit>("limit", False, "At most so many; 100 without, and more is taken as 100.")
            .answers::<PageView>(),
        in_conversation(Get, "/msg/max_seq", "The highest seq that the caller may see, or 0.").answers::<MaxSeqView>(),
    ]
}

fn conversations() -> Vec<Route> {
    vec![
        route(Get, "/conversation/list", "The caller's conversations: the pinned ones first, then by the latest message.")
            .query::<PageLimit>("limit", False, "How many; 1,000 without, and more is taken as 1,000.")
            .query::<ConversationCursor>("cursor", False, "Where to go on: the header `x-next-cursor` of the page before.")
            .query::<AnyInteger>("updated_after", False, "Only those with a later `updated_at`, in milliseconds.")
            .answers_pages::<ConversationView>(),
        in_conversation(Get, "/conversation/info", "One conversation.")
            .answers::<ConversationView>()
            .codes(&[ConversationNotFound]),
        in_conversation(Put, "/conversation/update", "Changes the caller's settings of a conversation.")
            .notes("Those that are not given stay. The caller's own sockets are told by `conversation_changed`.")
            .body::<UpdateConversation>()
            .codes(&[ConversationNotFound]),
        route(Post, "/conversation/mark_read", "Moves the caller's `read_seq`: forward only.")
            .notes("It moves at most to the highest seq that the caller may see. A lower one changes nothing and succeeds.")
            .body::<MarkRead>()
            .codes(&[NoPermission, ConversationNotFound]),
        in_conversation(Get, "/conversation/max_read_seq", "How far the conversation goes and how far the caller has read.")
            .answers::<ReadState>()
            .codes(&[ConversationNotFound]),
        in_conversation(
            Get,
            "/conversation/unread_count",
            "The unread messages, from the caller's `read_seq` or from a given one.",
        )
        .query::<AnyInteger>("read_seq", False, "Count from here; cut to 0 and the highest seq that the caller may see.")
        .answers::<UnreadView>()
        .codes(&[ConversationNotFound]),
    ]
}

/// A route about the conversation that its query names.
fn in_conversation(method: HttpMethod, path: &'static str, summary: &'static str) -> Route {
    route(method, path, summary)
        .query::<ConversationId>("conversation_id", True, "Which conversation.")
        .codes(&[NoPermission])
}
