//! Bodies of requests: whatever bytes come decode or are refused with 1001.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexo::error::{Code, Result};
use nexo::wire::{
    CreateGroup, GroupNickname, GroupRef, GroupRole, GroupTarget, JoinGroup, LoginBody, MarkRead, Query, Register, SendBody,
    UpdateConversation, UpdateGroup, UpdateUser, decode,
};

fn check<T>(decoded: Result<T>) {
    if let Err(error) = decoded {
        assert_eq!(error.code(), Code::InvalidParameter);
        assert!(!error.detail().is_empty());
    }
}

fuzz_target!(|bytes: &[u8]| {
    check(decode::<Register>(bytes));
    check(decode::<LoginBody>(bytes));
    check(decode::<UpdateUser>(bytes));
    check(decode::<CreateGroup>(bytes));
    check(decode::<JoinGroup>(bytes));
    check(decode::<GroupRef>(bytes));
    check(decode::<GroupTarget>(bytes));
    check(decode::<GroupRole>(bytes));
    check(decode::<UpdateGroup>(bytes));
    check(decode::<GroupNickname>(bytes));
    check(decode::<SendBody>(bytes));
    check(decode::<MarkRead>(bytes));
    check(decode::<UpdateConversation>(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        let query = Query::parse(text);
        let _ = (query.text("a"), query.number("a"), query.required("a"));
    }
});
