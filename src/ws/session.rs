//! A session: what a client's frames mean. It knows no socket.

use std::sync::Arc;

use super::Sockets;
use crate::error::{Code, Error, Result};
use crate::model::Caller;
use crate::wire::{self, FrameIn, MarkRead, MaxSeq, PullBody, SendBody};

/// The ops, as metrics name them; anything else is `unknown`.
const OPS: [&str; 5] = ["send", "pull", "max_seq", "mark_read", "ping"];

/// The answer to a frame of `caller`.
pub(super) async fn answer(sockets: Arc<Sockets>, caller: Caller, text: String) -> String {
    let (id, op, outcome) = match FrameIn::parse(&text) {
        Ok(frame) => {
            let op = OPS.into_iter().find(|op| *op == frame.op).unwrap_or("unknown");
            let outcome = perform(&sockets, &caller, op, frame.data.as_bytes()).await;
            (frame.id, op, outcome)
        }
        Err((id, error)) => (id, "unknown", Err(error)),
    };
    let code = outcome.as_ref().map_or_else(Error::code, |_| Code::Success);
    sockets.metrics.frames.with_label_values(&[op, code.number().to_string().as_str()]).inc();
    match outcome {
        Ok(envelope) => wire::answered(&id, &envelope),
        Err(error) => {
            error.log();
            wire::refused(&id, &error)
        }
    }
}

/// The refusal of a frame that is no text.
pub(super) fn refuse_binary() -> String {
    wire::refused("null", &Error::new(Code::ProtocolInvalid, "a frame is text"))
}

/// Does what the REST call of the same name does.
async fn perform(sockets: &Sockets, caller: &Caller, op: &str, data: &[u8]) -> Result<Vec<u8>> {
    let _entered = sockets.admission.enter()?;
    // A send looks the token up itself; a ping asks for nothing.
    if !matches!(op, "send" | "ping" | "unknown") {
        sockets.auth.authorize(caller).await?;
    }
    match op {
        "send" => {
            let sent = sockets.sending.send(caller, wire::decode::<SendBody>(data)?.into()).await?;
            Ok(wire::sent(&sent.message))
        }
        "pull" => {
            let page = sockets.history.pull(caller, &wire::decode::<PullBody>(data)?.into()).await?;
            Ok(wire::page(&page))
        }
        "max_seq" => {
            let body = wire::decode::<MaxSeq>(data)?;
            Ok(wire::max_seq(sockets.history.max_seq(caller, &body.conversation_id).await?))
        }
        "mark_read" => {
            let body = wire::decode::<MarkRead>(data)?;
            sockets.conversations.mark_read(caller, &body.conversation_id, body.read_seq).await?;
            wire::envelope(&()).map_err(Error::internal)
        }
        "ping" => {
            let time = serde_json::json!({ "server_time": sockets.clock.now_ms() });
            wire::envelope(&time).map_err(Error::internal)
        }
        _ => Err(Error::new(Code::ProtocolInvalid, wire::OP_EXPECTED)),
    }
}
