//! Contents of messages: every type, and JSON text as different clients write it.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use super::corpus::{self, Sentence};
use crate::dice::Dice;

/// The server takes 16 KiB of content.
const MOST_BYTES: usize = 16_000;

/// The longest texts, where their script lets so many fit.
const MOST_CHARS: usize = 10_000;

const TEXT: u16 = 1;

/// A content, exactly as it goes over the wire.
pub(super) struct Content {
    pub(super) msg_type: u16,
    /// Its JSON text.
    pub(super) raw: Box<str>,
    /// The text of a text message, else empty.
    pub(super) text: Box<str>,
}

/// Makes contents out of the corpus.
pub(super) struct Writer {
    sentences: Vec<Sentence>,
}

impl Writer {
    pub(super) fn new() -> Result<Writer> {
        let sentences = corpus::sentences()?;
        Ok(Writer { sentences })
    }

    /// A content: three in four are texts.
    pub(super) fn content(&self, dice: &mut Dice) -> Content {
        if dice.percent(75) {
            return self.text_content(dice);
        }
        let (msg_type, value) = self.other(dice);
        Content { msg_type, raw: written(&value, dice).into(), text: "".into() }
    }

    fn text_content(&self, dice: &mut Dice) -> Content {
        let text = self.text(dice);
        let mut value = json!({ "text": text });
        if dice.percent(10) {
            // Fields that the API does not know are kept as they are.
            value["mentions"] = json!([self.sentence(dice), {"all": false, "at": [0, 1, 2]}]);
            value["weight"] = json!(dice.between(0, 1_000_000) as f64 / 1000.0);
        }
        Content { msg_type: TEXT, raw: written(&value, dice).into(), text: text.into() }
    }

    fn sentence(&self, dice: &mut Dice) -> &str {
        &dice.pick(&self.sentences).text
    }

    /// Mostly a sentence or a few, now and then as long as the server takes.
    fn text(&self, dice: &mut Dice) -> String {
        let mut text = self.sentence(dice).to_owned();
        match dice.between(1, 200) {
            1 => {
                let filler = self.sentence(dice).to_owned();
                while fits(&text, &filler) {
                    text.push_str(&filler);
                }
            }
            2..=60 => {
                for _ in 0..dice.between(1, 6) {
                    text.push(*dice.pick(&[' ', '\n']));
                    text.push_str(self.sentence(dice));
                }
            }
            _ => {}
        }
        text
    }

    /// The types other than text, with the fields of the API document.
    fn other(&self, dice: &mut Dice) -> (u16, Value) {
        let name = self.sentence(dice);
        let number = dice.between(0, 50_000_000);
        let url = format!("https://example.com/media/{number}");
        match dice.below(5) {
            0 => (2, json!({"image_url": url, "image_width": 800, "image_height": 600, "image_size": number})),
            1 => (3, json!({"video_url": url, "video_duration": 120, "video_size": number, "thumbnail_url": url})),
            2 => (4, json!({"audio_url": url, "audio_duration": 60, "audio_size": number})),
            3 => (5, json!({"file_url": url, "file_name": name, "file_size": number})),
            _ => {
                let inner = json!({"lat": 39.9, "lng": 116.4, "label": name}).to_string();
                (100, json!({"custom_type": "location", "custom_data": inner}))
            }
        }
    }
}

fn fits(text: &str, filler: &str) -> bool {
    text.chars().count() + filler.chars().count() <= MOST_CHARS
        && encoded_bytes(text) + encoded_bytes(filler) <= MOST_BYTES - 200
}

/// Bytes of the text within JSON.
fn encoded_bytes(text: &str) -> usize {
    json!(text).to_string().len()
}

/// The value as JSON text in one of several styles, all of which mean the same.
fn written(value: &Value, dice: &mut Dice) -> String {
    let styled = match dice.between(1, 10) {
        1 => escaped(&value.to_string()),
        2 => format!("{value:#}"),
        3 => format!(" {value}\t"),
        _ => value.to_string(),
    };
    if styled.len() <= MOST_BYTES { styled.trim().to_owned() } else { value.to_string() }
}

/// JSON text in ASCII only, and with `/` escaped, as some clients write it.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    for character in json.chars() {
        match character {
            '/' => text.push_str("\\/"),
            ' '..='~' => text.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(text, "\\u{unit:04x}").expect("a String takes it");
                }
            }
        }
    }
    text
}

/// The same content with its keys in the order of the alphabet and no spaces: an equal JSON value in other bytes.
pub(super) fn reworded(raw: &str) -> Result<String> {
    let value: Value = serde_json::from_str(raw)?;
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_json_of_every_type_and_within_the_limit() {
        let writer = Writer::new().expect("a valid corpus");
        let mut dice = Dice::new(1);
        let mut types = std::collections::BTreeSet::new();
        let mut longest = 0;
        for _ in 0..3000 {
            let content = writer.content(&mut dice);
            assert!(content.raw.len() <= MOST_BYTES);
            let value: Value = serde_json::from_str(&content.raw).expect("JSON");
            if content.msg_type == TEXT {
                assert_eq!(value["text"], *content.text);
            }
            longest = longest.max(content.raw.len());
            types.insert(content.msg_type);
        }
        assert_eq!(types.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 100]);
        assert!(longest > 8000);
    }

    #[test]
    fn escaping_keeps_the_value() {
        let value = json!({"text": "家族 👨\u{200d}👩 a/b \u{0} \" \\"});
        let text = escaped(&value.to_string());
        assert!(text.is_ascii());
        let back: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(back, value);
    }
}
