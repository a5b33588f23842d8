//! Decoding JSON, with refusals that name the field and what it expects.

use serde::Deserialize;
use serde_json::error::Category;

use crate::error::{Error, Result};

/// The value that a JSON object spells. 1001 names the field that is wrong.
pub fn decode<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::invalid("body", "expects a JSON object"));
    }
    serde_json::from_slice(json).map_err(|_| explain::<T>(json))
}

/// What is wrong with `json`: decoded again, slower, keeping track of the path.
fn explain<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Error {
    let mut decoder = serde_json::Deserializer::from_slice(json);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut decoder) else {
        return Error::invalid("body", "expects one JSON object and nothing behind it");
    };
    let path = error.path().to_string();
    let error = error.into_inner();
    if error.classify() != Category::Data {
        return Error::invalid("body", "expects valid JSON in UTF-8");
    }
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if let Some(field) = text.strip_prefix("missing field ") {
        return Error::invalid(field.trim_matches('`'), "is required");
    }
    if let Some(field) = text.strip_prefix("duplicate field ") {
        return Error::invalid(field.trim_matches('`'), "expects to stand once");
    }
    let expected = text.rsplit("expected ").next().unwrap_or_default();
    let expected = match expected {
        "i64" | "u64" | "i32" | "u32" => "a JSON integer",
        other => other,
    };
    Error::invalid(&path, &format!("expects {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::bodies::{CreateGroup, LoginBody, SendBody};
    use proptest::prelude::*;

    fn login(json: &str) -> String {
        decode::<LoginBody>(json.as_bytes()).map(drop).expect_err("refused").detail().to_owned()
    }

    #[test]
    fn refusals_name_the_field_and_what_it_expects() {
        assert_eq!(login(r#"{"user_id":"a","password":"b"}"#), "platform_id: is required");
        assert_eq!(login(r#"{"user_id":"a","password":"b","platform_id":"5"}"#), "platform_id: expects a JSON integer");
        assert_eq!(login(r#"{"user_id":"a","password":"b","platform_id":5.0}"#), "platform_id: expects a JSON integer");
        assert_eq!(login(r#"{"user_id":null,"password":"b","platform_id":5}"#), "user_id: expects a string");
        assert_eq!(
            login(r#"{"user_id":"a","user_id":"a","password":"b","platform_id":5}"#),
            "user_id: expects to stand once"
        );
        assert_eq!(login("[]"), "body: expects a JSON object");
        assert_eq!(login(""), "body: expects a JSON object");
        assert_eq!(login("{"), "body: expects valid JSON in UTF-8");
        assert_eq!(
            login(r#"{"user_id":"a","password":"b","platform_id":5} x"#),
            "body: expects one JSON object and nothing behind it"
        );
        let group = decode::<CreateGroup>(br#"{"name":"x","member_ids":["a",5]}"#).map(drop).expect_err("refused");
        assert_eq!(group.detail(), "member_ids[1]: expects a string");
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "\\{\\PC{0,100}\\}") {
            let _ = decode::<SendBody>(&bytes);
            let _ = decode::<SendBody>(text.as_bytes());
        }
    }

    #[test]
    fn deep_and_long_bodies_are_refused_or_taken_without_a_panic() {
        let deep = format!("{{\"content\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(decode::<SendBody>(deep.as_bytes()).is_err());
        let deep = format!("{{\"more\":{}1{}}}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        assert!(decode::<SendBody>(deep.as_bytes()).is_err());
    }
}
