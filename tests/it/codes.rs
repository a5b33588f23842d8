//! The error codes of the API document: which test produces each one, or why none can.

use std::path::Path;

/// How a code comes about.
enum Happens {
    /// In this test: file under `tests/it/`, function.
    In(&'static str, &'static str),
    /// Not in this mode, or not at all, and why.
    Never(&'static str),
}
use Happens::{In, Never};

/// Every line of the tables of the document, 0 included.
const CODES: [(u16, Happens); 34] = [
    (0, In("http/transport.rs", "a_success_is_code_0")),
    (1001, In("http/transport.rs", "a_body_is_a_json_object")),
    (1002, In("http/full_disk.rs", "full_disk")),
    (1003, Never("2001, 2002 and 2003 say more exactly why a caller is not authorised")),
    (1004, In("http/limits.rs", "a_full_group_takes_nobody_more_and_answers_1004")),
    (1005, In("http/transport.rs", "an_unknown_route_is_404_and_1005")),
    (1006, In("http/limits.rs", "too_many_wrong_passwords_for_one_account_are_1006")),
    (1007, In("http/pull.rs", "a_conversation_of_others_is_1007_whether_or_not_it_exists")),
    (2001, In("http/auth.rs", "a_new_login_ends_the_token_of_its_platform_only")),
    (2002, In("http/tokens.rs", "a_token_past_its_time_is_2002")),
    (2003, In("http/tokens.rs", "every_call_behind_the_door_is_2003_without_a_token")),
    (2004, In("ws/handshake.rs", "a_handshake_that_contradicts_its_token_is_401_and_2004")),
    (2005, In("http/auth.rs", "uniform_login_errors_answer_2005_for_both")),
    (2006, In("http/auth.rs", "an_unknown_user_is_2006_and_a_wrong_password_2008")),
    (2007, In("http/auth.rs", "a_taken_user_id_is_2007_and_the_first_owner_keeps_it")),
    (2008, In("http/auth.rs", "an_unknown_user_is_2006_and_a_wrong_password_2008")),
    (3001, In("http/groups.rs", "an_unknown_group_is_3001_everywhere")),
    (3002, In("http/group_roles.rs", "every_change_of_a_dismissed_group_is_3002")),
    (3003, In("http/groups.rs", "whoever_quits_is_a_member_no_more")),
    (3004, In("http/group_roles.rs", "whoever_was_kicked_sends_nothing_until_joining_again")),
    (3005, In("http/groups.rs", "a_member_that_joins_again_is_3005")),
    (3006, In("http/group_roles.rs", "only_the_owner_transfers_dismisses_and_gives_roles")),
    (3007, In("http/group_roles.rs", "a_plain_member_kicks_and_updates_nothing")),
    (3008, In("http/groups.rs", "the_owner_cannot_quit")),
    (4001, Never("no call names a single message: pull answers an empty page")),
    (4002, In("http/messages.rs", "a_client_id_with_another_message_is_4002")),
    (4003, In("http/read_state.rs", "a_conversation_that_could_be_but_is_not_yet_is_4003")),
    (4004, Never("the embedded store gives a seq and writes its message in one commit: both happen or neither (1002)")),
    (4005, Never("a send that the store cannot keep is 1002, so that a client tries again")),
    (4006, Never("a pull that the store cannot answer is 1002, so that a client tries again")),
    (5001, In("ws/closing.rs", "a_connection_too_many_is_closed_with_4013")),
    (5002, Never("there is nobody to tell it to: the close frame has a code of its own")),
    (5003, In("ws/frames.rs", "what_is_not_json_or_not_known_is_5003")),
    (5004, Never("a push that cannot be handed over does not fail the send: the receiver recovers it")),
];

/// The text of the test function `name`, from its `fn` to the next one.
fn function<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    let start = source.find(&format!("async fn {name}("))?;
    let body = &source[start..];
    let end = body[1..].find("\n    async fn ").map_or(body.len(), |end| end + 1);
    Some(&body[..end])
}

#[test]
fn every_code_of_the_document_has_a_test_or_a_reason() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for (code, happens) in CODES {
        match happens {
            In(file, name) => {
                let source = std::fs::read_to_string(tests.join(file)).expect("a file of tests");
                let body = function(&source, name).unwrap_or_else(|| panic!("{code}: no {name} in {file}"));
                assert!(body.contains(&code.to_string()), "{code} is not in {name} of {file}");
            }
            Never(reason) => assert!(reason.len() > 20, "{code} needs a reason"),
        }
    }
}

#[test]
fn every_code_stands_once_and_in_order() {
    assert!(CODES.is_sorted_by(|one, other| one.0 < other.0));
    let of = |thousand: u16| CODES.iter().filter(|(code, _)| code / 1000 == thousand).count();
    assert_eq!([0, 1, 2, 3, 4, 5].map(of), [1, 7, 8, 8, 6, 4]);
}
