//! What the fields of the API may hold, as the API document has it: ids, names, times and numbers, with their limits.

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::{AVATAR_BYTES, EXTRA_BYTES, INTRODUCTION_BYTES, PASSWORD_BYTES};

/// Declares what a field may hold, under the name that the document gives it; the doc line is its description there.
macro_rules! holds {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:expr;)+) => {$(
        $(#[doc = $doc])+
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let schema: ObjectBuilder = $schema;
                schema.description(Some(concat!($($doc),+).trim())).into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

holds! {
    /// The id of a user, unique, never changed: 1-64 of `A-Z a-z 0-9 _ . @ + -`.
    UserId = text("^[A-Za-z0-9_.@+-]{1,64}$", "user001");
    /// The id of a user, or `""` where there is none.
    UserIdOrEmpty = text("^[A-Za-z0-9_.@+-]{0,64}$", "user002");
    /// The id of a group: decimal digits, given by the server. Any other string is an unknown group (`3001`).
    GroupId = text("^[1-9][0-9]{0,18}$", "1234567890");
    /// The id of a group, or `""` where there is none.
    GroupIdOrEmpty = text("^([1-9][0-9]{0,18})?$", "");
    /// The id of a conversation: `si_{a}:{b}` between two users, the smaller id first (by bytes), or `sg_{group_id}`.
    ConversationId =
        text("^(si_[A-Za-z0-9_.@+-]{1,64}:[A-Za-z0-9_.@+-]{1,64}|sg_[1-9][0-9]{0,18})$", "si_user001:user002");
    /// A name that others see: 1-64 characters, no control characters.
    Name = text("^[^\\u0000-\\u001f\\u007f-\\u009f]{1,64}$", "Zhang San");
    /// A name within a group: 0-64 characters, no control characters; `""` is none.
    GroupNickname = text("^[^\\u0000-\\u001f\\u007f-\\u009f]{0,64}$", "Captain");
    /// The URL of a picture, or `""`; at most 1,024 bytes.
    Avatar = free(AVATAR_BYTES, "https://example.com/avatar.png");
    /// What a group says of itself; at most 1,024 bytes.
    Introduction = free(INTRODUCTION_BYTES, "We talk shop");
    /// Whatever clients keep with a user (a JSON string, by custom), or `""`; at most 8,192 bytes.
    Extra = free(EXTRA_BYTES, "");
    /// A new password: 6-128 bytes of anything (the minimum is `auth.password_min_bytes`).
    NewPassword = free(PASSWORD_BYTES, "123456").min_length(Some(6));
    /// The key of idempotency, chosen by the client, unique for the sender: 1-128 bytes of printable ASCII.
    ClientMsgId = text("^[ -~]{1,128}$", "msg_uuid_001");
    /// The URL of a file: `http`, `https` or a relative path.
    ContentUrl = text(
        "^([Hh][Tt][Tt][Pp][Ss]?://[^\\s\\\\\\u0000-\\u001f\\u007f-\\u009f/?#][^\\s\\\\\\u0000-\\u001f\\u007f-\\u009f]*\
        |[^\\s\\\\\\u0000-\\u001f\\u007f-\\u009f:/?#]+([/?#][^\\s\\\\\\u0000-\\u001f\\u007f-\\u009f]*)?\
        |[?#][^\\s\\\\\\u0000-\\u001f\\u007f-\\u009f]*\
        |/([^\\s\\\\\\u0000-\\u001f\\u007f-\\u009f/][^\\s\\\\\\u0000-\\u001f\\u007f-\\u009f]*)?)$",
        "https://example.com/image.png",
    );
    /// A time, in milliseconds since 1970-01-01 UTC.
    Time = number(0, 1_706_688_000_000);
    /// The position of a message in its conversation, from 1; 0 is before the first.
    Seq = number(0, 1);
    /// Any integer of at most 63 bits.
    AnyInteger = integer(KnownFormat::Int64).examples([0]);
    /// How many at most.
    PageLimit = number(1, 50);
    /// Where a page of members begins; opaque.
    MemberCursor = number(0, 50);
    /// Where a page of conversations begins; opaque.
    ConversationCursor = text("^[A-Za-z0-9_-]+$", "MCAxNzA2Njg4MDAwMDAwIHNnXzEyMzQ1Njc4OTA");
    /// A number of things.
    Count = number(0, 5);
    /// 1 iOS, 2 Android, 3 Windows, 4 macOS, 5 Web.
    PlatformId = one_of(&[1, 2, 3, 4, 5], 5);
    /// 1 single (between two users), 2 group.
    SessionType = one_of(&[1, 2], 1);
    /// 1 text, 2 image, 3 video, 4 audio, 5 file, 100 custom.
    MsgType = one_of(&[1, 2, 3, 4, 5, 100], 1);
    /// 0 pushes with a notice, 1 pushes without a notice, 2 no pushes.
    RecvMsgOpt = one_of(&[0, 1, 2], 0);
    /// 1 normal, 2 dismissed.
    GroupStatus = one_of(&[1, 2], 1);
    /// 1 member, 2 admin, 3 owner.
    RoleLevel = one_of(&[1, 2, 3], 1);
    /// 0 not in the group, 1 member, 2 admin, 3 owner.
    RoleLevelOrNone = one_of(&[0, 1, 2, 3], 3);
    /// 1 member, 2 admin.
    NewRoleLevel = one_of(&[1, 2], 2);
    /// 1 in the group, 2 has quit, 3 was kicked.
    MemberStatus = one_of(&[1, 2, 3], 1);
}

/// Text of one pattern.
fn text(pattern: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).examples([example])
}

/// Text of at most so many bytes, so that more characters than that cannot be right.
fn free(max: usize, example: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).max_length(Some(max)).examples([example])
}

/// An integer that is not below `min`.
fn number(min: i64, example: i64) -> ObjectBuilder {
    integer(KnownFormat::Int64).minimum(Some(min)).examples([example])
}

/// One of these integers.
fn one_of(numbers: &[i64], example: i64) -> ObjectBuilder {
    integer(KnownFormat::Int32).enum_values(Some(numbers.to_vec())).examples([example])
}

fn integer(format: KnownFormat) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer)).format(Some(SchemaFormat::KnownFormat(format)))
}
