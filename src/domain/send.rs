//! Sending: one rule behind both doors.

use std::sync::Arc;

use super::{content, fields, limits};
use crate::clock::Clock;
use crate::error::{Code, Error, Result};
use crate::model::{
    Appended, Caller, ConversationId, Destination, Draft, GroupStatus, MemberStatus, Message, MsgType, Refusal, SendLimit,
    Standing, Stored,
};
use crate::push::Bus;
use crate::store::{Messages, Quotas};
use crate::telemetry::Metrics;

/// The longest client_msg_id.
const CLIENT_MSG_ID_BYTES: usize = 128;

/// The name of the limit on what users send, in metrics and headers.
const USER_SENDS: &str = "user_sends";

/// Where a client says that a message goes.
#[derive(Debug, Default)]
pub struct Target {
    /// 1 for a user, 2 for a group.
    pub session_type: i64,
    /// The user, or empty.
    pub recv_id: String,
    /// The group, or empty.
    pub group_id: String,
}

/// A message as a client asks to send it.
#[derive(Debug)]
pub struct Outgoing {
    /// The client's id.
    pub client_msg_id: String,
    /// Where it goes.
    pub target: Target,
    /// The number of its type.
    pub msg_type: i64,
    /// Its content, as JSON text.
    pub content: Arc<str>,
}

/// A message that was sent.
#[derive(Debug)]
pub struct Sent {
    /// It, as it is stored.
    pub message: Arc<Message>,
    /// How its sender stands with the limit on what users send, if that is known.
    pub standing: Option<Standing>,
}

/// Settings of the rule on sending.
#[derive(Debug, Clone, Copy)]
pub struct SendSettings {
    /// The largest content, in bytes.
    pub content_bytes: usize,
    /// What the store holds senders to, to tell them of it.
    pub quotas: Quotas,
}

/// The rule on sending.
pub struct Sending {
    messages: Arc<dyn Messages>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    settings: SendSettings,
}

impl Sending {
    /// The rule on these ports.
    pub fn new(
        messages: Arc<dyn Messages>,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        settings: SendSettings,
    ) -> Self {
        Self { messages, bus, clock, metrics, settings }
    }

    /// Sends a message of a caller whose token was checked but perhaps not looked up: that happens here, together with
    /// everything else.
    ///
    /// Sends it once for (sender, client_msg_id), and answers it as it is stored. It is durable then, and on its way
    /// to everybody who is online. A repeat answers the first message; with another body it is refused (4002).
    pub async fn send(&self, caller: &Caller, outgoing: Outgoing) -> Result<Sent> {
        let draft = self.draft(caller, outgoing)?;
        let (bus, origin) = (Arc::clone(&self.bus), caller.platform);
        let tell = move |stored: &Stored| bus.stored(stored, origin);
        match self.messages.append(draft, admit, Box::new(tell)).await? {
            Appended::New { message, slots_left } => Ok(Sent { message, standing: self.standing(slots_left) }),
            Appended::Repeat(message) => Ok(Sent { message, standing: None }),
            Appended::OtherBody => Err(Code::DuplicateMessage.into()),
            Appended::Refused(Refusal::Rule(code)) => Err(code.into()),
            Appended::Refused(Refusal::Limit { limit, retry_after_ms }) => Err(self.too_many(limit, retry_after_ms)),
        }
    }

    /// How a sender stands who has so many messages left.
    fn standing(&self, slots_left: Option<u32>) -> Option<Standing> {
        let (left, quota) = (slots_left?, self.settings.quotas.user_sends?);
        Some(limits::standing(USER_SENDS, quota, left, quota.interval_ms.ceil() as i64))
    }

    fn too_many(&self, limit: SendLimit, retry_after_ms: i64) -> Error {
        let Quotas { user_sends, conversation_sends, .. } = self.settings.quotas;
        let (name, quota, sentence) = match limit {
            SendLimit::User => (USER_SENDS, user_sends, "you send too many messages, try again later"),
            SendLimit::Conversation => {
                ("conversation_sends", conversation_sends, "the conversation has too many messages, try again later")
            }
        };
        self.metrics.limited.with_label_values(&[name]).inc();
        let error = Error::too_many(sentence, retry_after_ms);
        match quota {
            Some(quota) => error.with_standing(limits::standing(name, quota, 0, retry_after_ms)),
            None => error,
        }
    }

    fn draft(&self, caller: &Caller, outgoing: Outgoing) -> Result<Draft> {
        let Outgoing { client_msg_id, target, msg_type, content } = outgoing;
        let printable = client_msg_id.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !(1..=CLIENT_MSG_ID_BYTES).contains(&client_msg_id.len()) || !printable {
            return Err(Error::invalid("client_msg_id", "expects 1 to 128 printable ASCII characters"));
        }
        let conversation = conversation(caller, &target)?;
        let kind = MsgType::from_number(msg_type);
        let msg_type = kind.ok_or_else(|| Error::invalid("msg_type", "expects 1, 2, 3, 4, 5 or 100"))?;
        let fingerprint = content::check(msg_type, &content, self.settings.content_bytes)?;
        Ok(Draft {
            caller: caller.clone(),
            client_msg_id: client_msg_id.into(),
            conversation,
            msg_type,
            content,
            fingerprint,
            now_ms: self.clock.now_ms(),
        })
    }
}

/// The conversation that a message to `target` belongs to.
fn conversation(caller: &Caller, target: &Target) -> Result<ConversationId> {
    let Target { session_type, recv_id, group_id } = target;
    match session_type {
        1 if !group_id.is_empty() => Err(Error::invalid("group_id", "expects nothing with session_type 1")),
        1 => Ok(ConversationId::single(&caller.user, &fields::user_id("recv_id", recv_id)?)),
        2 if !recv_id.is_empty() => Err(Error::invalid("recv_id", "expects nothing with session_type 2")),
        2 => fields::group_id(group_id).map(ConversationId::Group),
        _ => Err(Error::invalid("session_type", "expects 1 (single) or 2 (group)")),
    }
}

/// Who may send where.
fn admit(destination: &Destination) -> Result<(), Code> {
    match destination {
        Destination::Single { exists: true } => Ok(()),
        Destination::Single { exists: false } => Err(Code::UserNotFound),
        Destination::Group { group: None, .. } => Err(Code::GroupNotFound),
        Destination::Group { group: Some(GroupStatus::Dismissed), .. } => Err(Code::GroupDismissed),
        Destination::Group { sender: Some(MemberStatus::Active), .. } => Ok(()),
        Destination::Group { sender: Some(_), .. } => Err(Code::MemberStatus),
        Destination::Group { sender: None, .. } => Err(Code::NotGroupMember),
    }
}
