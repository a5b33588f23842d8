//! A session: what a client's frames mean. It knows no socket.

use std::sync::Arc;
use std::time::Instant;

use tracing::Instrument;

use super::Sockets;
use crate::error::{Code, Error, Result};
use crate::model::Caller;
use crate::telemetry::Frames;
use crate::wire::{self, FrameIn, MarkRead, MaxSeq, PullBody, SendBody};

/// The answer to a frame of `caller`.
pub(super) async fn answer(sockets: Arc<Sockets>, caller: Caller, text: String) -> String {
    let begun = Instant::now();
    let (id, op, outcome) = match FrameIn::parse(&text) {
        Ok(frame) => {
            let op = Frames::name(&frame.op);
            let outcome = traced(&sockets, &caller, op, frame.data.as_bytes()).await;
            (frame.id, op, outcome)
        }
        Err((id, error)) => {
            error.log();
            (id, "unknown", Err(error))
        }
    };
    let code = outcome.as_ref().map_or_else(Error::code, |_| Code::Success);
    sockets.metrics.frames.answered(op, code, begun.elapsed());
    match outcome {
        Ok(envelope) => wire::answered(&id, &envelope),
        Err(error) => wire::refused(&id, &error),
    }
}

/// Performs an op, traced if that is its turn. A failure is logged with the trace that it belongs to.
async fn traced(sockets: &Sockets, caller: &Caller, op: &'static str, data: &[u8]) -> Result<Vec<u8>> {
    let mut span = sockets.traces.begin(|| None, || format!("ws {op}"));
    let log = if span.trace().is_on() {
        let log = tracing::info_span!("frame", op, trace_id = tracing::field::Empty, span_id = tracing::field::Empty);
        span.name_in(&log);
        log
    } else {
        tracing::Span::none()
    };
    let performed = async { perform(sockets, caller, op, data).await.inspect_err(Error::log) };
    let outcome = span.trace().around(performed.instrument(log)).await;
    let error = outcome.as_ref().err();
    let code = error.map_or(Code::Success, Error::code);
    span.answered(code.number(), error.is_some_and(|error| error.status().is_server_error()));
    outcome
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
