//! Checks of the fields that clients fill, with the sentences that name them.

use crate::error::{Code, Error, OrCode, Result};
use crate::model::{ConversationId, GroupId, UserId};

/// The user id in `field`.
pub(super) fn user_id(field: &str, text: &str) -> Result<UserId> {
    UserId::parse(text).ok_or_else(|| Error::invalid(field, UserId::EXPECTED))
}

/// The group id in `group_id`. What is no group's id is an unknown group.
pub(super) fn group_id(text: &str) -> Result<GroupId> {
    if text.is_empty() {
        return Err(Error::invalid("group_id", "expects the id of a group"));
    }
    GroupId::parse(text).or_code(Code::GroupNotFound)
}

/// The conversation id in `conversation_id`.
pub(super) fn conversation_id(text: &str) -> Result<ConversationId> {
    ConversationId::parse(text).ok_or_else(|| Error::invalid("conversation_id", ConversationId::EXPECTED))
}

/// A name that others see: `min` to 64 characters, none of them a control character.
pub(super) fn name(field: &str, text: &str, min: usize) -> Result<()> {
    let length = text.chars().count();
    if (min..=64).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::invalid(field, &format!("expects {min} to 64 characters without control characters")))
}

/// Text of at most `max` bytes.
pub(super) fn at_most(field: &str, text: &str, max: usize) -> Result<()> {
    if text.len() <= max { Ok(()) } else { Err(Error::invalid(field, &format!("expects at most {max} bytes"))) }
}

/// The largest avatar, in bytes.
pub const AVATAR_BYTES: usize = 1_024;

/// The largest introduction of a group, in bytes.
pub const INTRODUCTION_BYTES: usize = 1_024;

/// The largest extra of a user, in bytes.
pub const EXTRA_BYTES: usize = 8_192;
