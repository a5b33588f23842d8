//! What messages may carry, and when two contents are the same.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::model::MsgType;

/// What a content must be, in words.
const EXPECTED: &str = "expects a JSON object of valid Unicode, at most 127 levels deep";

/// Numbers of the contents that are known: none may be below zero.
const NUMBERS: [&str; 8] = [
    "image_width",
    "image_height",
    "image_size",
    "video_duration",
    "video_size",
    "audio_duration",
    "audio_size",
    "file_size",
];

/// Checks a content by its type and answers the fingerprint of both: the same for equal JSON values.
pub(super) fn check(msg_type: MsgType, content: &str, max_bytes: usize) -> Result<[u8; 16]> {
    if content.len() > max_bytes {
        return Err(Error::invalid("content", &format!("expects at most {max_bytes} bytes")));
    }
    let Ok(Value::Object(fields)) = serde_json::from_str(content) else {
        return Err(Error::invalid("content", EXPECTED));
    };
    match msg_type {
        MsgType::Text => text(&fields, "text")?,
        MsgType::Image => url(&fields, "image_url")?,
        MsgType::Video => url(&fields, "video_url")?,
        MsgType::Audio => url(&fields, "audio_url")?,
        MsgType::File => url(&fields, "file_url")?,
        MsgType::Custom => {
            text(&fields, "custom_type")?;
            if !fields.get("custom_data").is_some_and(Value::is_string) {
                return Err(Error::invalid("content.custom_data", "expects a string"));
            }
        }
    }
    if msg_type != MsgType::Custom {
        numbers(&fields)?;
        if fields.contains_key("thumbnail_url") {
            url(&fields, "thumbnail_url")?;
        }
        if fields.get("file_name").is_some_and(|name| !name.is_string()) {
            return Err(Error::invalid("content.file_name", "expects a string"));
        }
    }
    let mut hash = Sha256::new();
    hash.update([msg_type as u8]);
    fingerprint(&Value::Object(fields), &mut hash);
    let digest = hash.finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    Ok(short)
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<()> {
    match fields.get(name).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(()),
        _ => Err(Error::invalid(&format!("content.{name}"), "expects a string that is not empty")),
    }
}

fn url(fields: &Map<String, Value>, name: &str) -> Result<()> {
    match fields.get(name).and_then(Value::as_str) {
        Some(url) if is_sane_url(url) => Ok(()),
        _ => Err(Error::invalid(&format!("content.{name}"), "expects a URL: http, https or a relative path")),
    }
}

/// Whether it is an http(s) URL with a host, or a path without scheme and host (RFC 3986, section 4.2).
fn is_sane_url(url: &str) -> bool {
    if url.is_empty() || url.chars().any(|c| c.is_whitespace() || c.is_control()) || url.contains('\\') {
        return false;
    }
    let first_segment = url.split(['/', '?', '#']).next().unwrap_or_default();
    match first_segment.split_once(':') {
        Some((scheme, _)) => {
            let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
            let host = url[scheme.len() + 1..].strip_prefix("//").unwrap_or_default();
            known && !host.is_empty() && !host.starts_with(['/', '?', '#'])
        }
        None => !url.starts_with("//"),
    }
}

fn numbers(fields: &Map<String, Value>) -> Result<()> {
    for name in NUMBERS {
        match fields.get(name) {
            None => {}
            Some(Value::Number(number)) if number.as_f64().is_some_and(|number| number >= 0.0) => {}
            Some(_) => return Err(Error::invalid(&format!("content.{name}"), "expects a number of at least 0")),
        }
    }
    Ok(())
}

/// The one spelling of a number's value: sign, digits without zeros at either end, and the power of ten behind them.
fn decimal(number: &str) -> String {
    let (sign, unsigned) = number.strip_prefix('-').map_or(("", number), |unsigned| ("-", unsigned));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return "0".to_owned();
    }
    let dropped = digits.len() - digits.trim_end_matches('0').len();
    // An exponent of more than 63 bits is its own spelling: no content has room for digits that would make up for it.
    match exponent.parse::<i64>() {
        Ok(power) => format!("{sign}{significant}e{}", i128::from(power) + dropped as i128 - fraction.len() as i128),
        Err(_) => number.to_owned(),
    }
}

/// Hashes a value so that the order of keys and the spelling do not count, and no two values run into one another.
fn fingerprint(value: &Value, hash: &mut Sha256) {
    let mut text = |tag: u8, text: &str| {
        hash.update([tag]);
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    match value {
        Value::Null => text(b'n', ""),
        Value::Bool(flag) => text(b'b', if *flag { "1" } else { "0" }),
        Value::Number(number) => text(b'#', &decimal(number.as_str())),
        Value::String(string) => text(b's', string),
        Value::Array(items) => {
            text(b'[', &items.len().to_string());
            items.iter().for_each(|item| fingerprint(item, hash));
        }
        Value::Object(fields) => {
            text(b'{', &fields.len().to_string());
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            for (name, value) in sorted {
                hash.update((name.len() as u64).to_le_bytes());
                hash.update(name);
                fingerprint(value, hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: usize = 16_384;

    #[test]
    fn the_order_of_keys_and_the_spelling_do_not_count() {
        let print = |content: &str| check(MsgType::Text, content, MAX).expect("valid");
        let first = print(r#"{"text":"hé","a":{"x":1,"y":[true,null]}}"#);
        assert_eq!(first, print(" {\"a\" : {\"y\":[true, null],\"x\":1},\n\"text\":\"h\\u00e9\"}"));
        for other in [
            r#"{"text":"he","a":{"x":1,"y":[true,null]}}"#,
            r#"{"text":"hé","a":{"x":1,"y":[null,true]}}"#,
            r#"{"text":"hé","a":{"x":"1","y":[true,null]}}"#,
            r#"{"text":"hé"}"#,
        ] {
            assert_ne!(first, print(other), "{other}");
        }
    }

    #[test]
    fn numbers_are_the_same_if_their_values_are() {
        for same in [["1", "1.0"], ["100", "1e2"], ["0.10", "1E-1"], ["-0", "0.0"], ["12.50e1", "125"]] {
            assert_eq!(decimal(same[0]), decimal(same[1]), "{same:?}");
        }
        let (one, other) = ("12345678901234567890123", "12345678901234567890124");
        for different in [[one, other], ["0.1", "0.1000000000000000055"], ["1", "-1"], ["1e400", "1e401"], ["1", "10"]] {
            assert_ne!(decimal(different[0]), decimal(different[1]), "{different:?}");
        }
    }

    #[test]
    fn a_number_of_any_size_has_a_spelling() {
        for exponent in [i64::MAX.to_string(), i64::MIN.to_string(), i128::MAX.to_string(), i128::MIN.to_string()] {
            decimal(&format!("10.0100e{exponent}"));
            decimal(&format!("100e{exponent}"));
        }
    }

    #[test]
    fn contents_are_checked_by_their_type() {
        let refused = [
            (MsgType::Text, r#"{"text":""}"#),
            (MsgType::Text, r#"{"text":5}"#),
            (MsgType::Text, "{}"),
            (MsgType::Text, "[]"),
            (MsgType::Text, "\"text\""),
            (MsgType::Image, r#"{"image_url":"javascript:alert(1)"}"#),
            (MsgType::Image, r#"{"image_url":"data:image/png;base64,AA"}"#),
            (MsgType::Image, r#"{"image_url":"//host/x"}"#),
            (MsgType::Image, r#"{"image_url":"http:"}"#),
            (MsgType::Image, r#"{"image_url":"https:///x"}"#),
            (MsgType::Image, r#"{"image_url":"a b"}"#),
            (MsgType::Image, r#"{"image_url":"/a.png","image_width":-1}"#),
            (MsgType::Video, r#"{"video_url":"/a","video_duration":"3"}"#),
            (MsgType::Custom, r#"{"custom_type":"x"}"#),
            (MsgType::Custom, r#"{"custom_type":"x","custom_data":{}}"#),
        ];
        for (msg_type, content) in refused {
            assert!(check(msg_type, content, MAX).is_err(), "{content}");
        }
        let taken = [
            (MsgType::Image, r#"{"image_url":"HTTPS://example.com/a.png","image_width":0.5,"more":[1]}"#),
            (MsgType::Image, r#"{"image_url":"files/a.png"}"#),
            (MsgType::File, r#"{"file_url":"/f?at=12:30"}"#),
            (MsgType::Audio, r#"{"audio_url":"./a:b.mp3"}"#),
            (MsgType::Custom, r#"{"custom_type":"x","custom_data":""}"#),
        ];
        for (msg_type, content) in taken {
            check(msg_type, content, MAX).expect(content);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_checked_without_a_panic(content in "\\PC{0,200}", url in "\\PC{0,40}") {
            let _ = check(MsgType::Text, &content, MAX);
            let _ = is_sane_url(&url);
        }
    }
}
