//! What each send costs at the doors: the token, the body, the answer, the push.

use std::hint::black_box;

use criterion::Criterion;
use nexo::domain::{Outgoing, Signer, TokenSettings};
use nexo::model::{Platform, Push, PushId};
use nexo::wire::{self, FrameIn, SendBody};

use crate::scene::{content, message, user};

const NOW_MS: i64 = 1_700_000_000_000;

pub(crate) fn measure(criterion: &mut Criterion) {
    token(criterion);
    decode(criterion);
    encode(criterion);
}

fn token(criterion: &mut Criterion) {
    let settings = TokenSettings { issuer: "nexo".to_owned(), audience: "nexo".to_owned(), ttl_ms: 3_600_000 };
    let signer = Signer::new(&[7; 32], settings);
    let session = signer.session("0b5cbb3b-0b9f-44c5-8a2d-6a4f9f5a2b10".to_owned(), NOW_MS);
    let token = signer.sign(&user("ann"), Platform::Web, &session).expect("signed").text;
    criterion.bench_function("token check", |bench| bench.iter(|| signer.check(black_box(&token), NOW_MS)));
}

fn decode(criterion: &mut Criterion) {
    let id = "9b2e4c64-8d0a-4a3e-9f0e-1f6f0a5f8e11";
    let content = content();
    let body = format!(
        r#"{{"client_msg_id":"{id}","recv_id":"bob","group_id":"","session_type":1,"msg_type":1,"content":{content}}}"#
    );
    let frame = format!(r#"{{"id":"17","op":"send","data":{body}}}"#);
    criterion.bench_function("decode a send", |bench| {
        bench.iter(|| Outgoing::from(wire::decode::<SendBody>(black_box(body.as_bytes())).expect("a body")));
    });
    criterion.bench_function("decode the frame around a send", |bench| {
        bench.iter(|| FrameIn::parse(black_box(&frame)).expect("a frame").data.len());
    });
}

fn encode(criterion: &mut Criterion) {
    let message = message();
    criterion.bench_function("encode an ack", |bench| bench.iter(|| wire::sent(black_box(&message))));
    let push = Push::Message { message: message.into(), origin: Platform::Web };
    criterion.bench_function("encode a push, once for all sockets", |bench| {
        bench.iter(|| wire::push_text(black_box(&push)));
    });
    let text = wire::push_text(&push);
    let id = PushId { epoch: 1, position: 123_456, at_ms: NOW_MS };
    criterion.bench_function("encode a push, for each socket", |bench| {
        bench.iter(|| wire::push_frame(black_box(&text), id));
    });
}
