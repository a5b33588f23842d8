//! The document of the WebSocket against the code. That real frames are as it says is looked at wherever a test gets one:
//! `support/documented.rs`.

use std::collections::BTreeSet;

use nexo::model::CloseReason;
use serde_json::Value;

use crate::support::*;

/// The close codes of the WebSocket protocol itself, which the library sends.
const OF_THE_PROTOCOL: [u16; 3] = [1002, 1007, 1009];

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The frames that have this field, with the one value that it has in each.
fn named_by(field: &str) -> BTreeSet<&'static str> {
    let messages = ASYNCAPI["components"]["messages"].as_object().expect("messages");
    let named = messages.iter().filter_map(|(name, message)| {
        let value = message["payload"]["properties"][field]["const"].as_str()?;
        assert_eq!(name, value, "the name of a frame");
        Some(value)
    });
    named.collect()
}

#[test]
fn the_document_has_the_ops_of_the_server() {
    let expected = nexo::wire::OP_EXPECTED.trim_start_matches("op: expects ").replace(" or ", ", ");
    assert_eq!(named_by("op"), expected.split(", ").collect());
    for op in named_by("op") {
        let answer = format!("#/channels/socket/messages/{op}_answer");
        let replies = ASYNCAPI["operations"][op]["reply"]["messages"].as_array().expect("replies");
        assert!(replies.iter().any(|reply| reply["$ref"] == answer.as_str()), "no answer to {op}");
    }
}

#[test]
fn the_document_has_the_events_of_the_server() {
    let frames = [include_str!("../../src/wire/frames.rs"), include_str!("../../docs/api.md")];
    let spelled = |text: &'static str| {
        let plain = text.replace("\\\"", "\"").replace("event: \"", "\"event\":\"").replace("\"event\": \"", "\"event\":\"");
        let events = plain.split("\"event\":\"").skip(1).filter_map(|rest| rest.split('"').next().map(str::to_owned));
        events.collect::<BTreeSet<String>>()
    };
    for text in frames {
        assert_eq!(spelled(text), named_by("event").into_iter().map(str::to_owned).collect());
    }
}

#[test]
fn the_document_has_the_changes_of_groups() {
    let changed = &ASYNCAPI["components"]["messages"]["group_changed"]["payload"]["properties"]["change"];
    let changes: BTreeSet<&str> = changed["enum"].as_array().expect("changes").iter().filter_map(Value::as_str).collect();
    let page = include_str!("../../docs/api.md");
    let table = page.split("| `change` | what happened |").nth(1).expect("the table of changes");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    assert_eq!(changes, rows.filter_map(|row| row.split('`').nth(1)).collect());
}

#[test]
fn a_pushed_message_is_a_message_with_its_push_id() {
    let pushed = &ASYNCAPI["components"]["messages"]["message"]["payload"];
    let mut fields = keys(&OPENAPI["components"]["schemas"]["Message"]["properties"]);
    fields.insert("push_id");
    assert_eq!(keys(&pushed["properties"]), fields);
    let required = pushed["required"].as_array().expect("the required fields").iter().filter_map(Value::as_str);
    assert_eq!(required.collect::<BTreeSet<_>>(), fields);
}

#[test]
fn the_document_has_every_close_code_and_no_other() {
    let documented: BTreeSet<u16> = keys(&ASYNCAPI["channels"]["socket"]["x-close-codes"])
        .into_iter()
        .map(|code| code.parse().expect("a close code"))
        .collect();
    let closing = (1000..5000).filter(|code| CloseReason::from_code(*code).is_some());
    assert_eq!(documented, closing.chain(OF_THE_PROTOCOL).collect());
}

#[test]
fn the_document_has_the_fields_of_a_handshake_as_openapi_has_them() {
    let parameters = OPENAPI["paths"]["/ws"]["get"]["parameters"].as_array().expect("parameters");
    let mut named: BTreeSet<&str> = parameters.iter().filter_map(|parameter| parameter["name"].as_str()).collect();
    // There it is a security scheme.
    named.insert("token");
    assert_eq!(keys(&ASYNCAPI["channels"]["socket"]["bindings"]["ws"]["query"]["properties"]), named);
}

#[test]
fn the_document_is_of_this_version() {
    assert_eq!(ASYNCAPI["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(OPENAPI["info"]["version"], env!("CARGO_PKG_VERSION"));
}
