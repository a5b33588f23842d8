//! WebSocket frames of clients: whatever comes is a frame or is refused, and an answer to it is JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexo::wire::{FrameIn, MarkRead, MaxSeq, PullBody, SendBody, decode, refused};

fuzz_target!(|text: &str| {
    match FrameIn::parse(text) {
        Ok(frame) => {
            let data = frame.data.as_bytes();
            let _ = (decode::<SendBody>(data), decode::<PullBody>(data), decode::<MaxSeq>(data), decode::<MarkRead>(data));
            let answer = nexo::wire::answered(&frame.id, b"{\"code\":0}");
            assert!(answer.starts_with("{\"id\":") && answer.ends_with(",\"code\":0}"), "{answer}");
        }
        Err((id, error)) => assert!(refused(&id, &error).contains("5003")),
    }
});
