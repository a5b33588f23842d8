//! Query strings: read by name, refused with the name.

use std::borrow::Cow;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::error::{Error, Result};

/// The fields of a query string. A `+` stands for a space, as in forms; one that is meant is written `%2B`.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// The fields of `text`.
    pub fn parse(text: &str) -> Self {
        let fields = form_urlencoded::parse(text.as_bytes());
        Self(fields.map(|(name, value)| (Cow::into_owned(name), Cow::into_owned(value))).collect())
    }

    /// The field `name`, if it is there; 1001 if it is there twice.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        let mut values = self.0.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str());
        let value = values.next();
        if values.next().is_some() {
            return Err(Error::invalid(name, "expects to stand once"));
        }
        Ok(value)
    }

    /// The field `name`, which must be there and not be empty.
    pub fn required(&self, name: &str) -> Result<&str> {
        self.text(name)?.filter(|value| !value.is_empty()).ok_or_else(|| Error::invalid(name, "is required"))
    }

    /// The number in the field `name`, if it is there.
    pub fn number(&self, name: &str) -> Result<Option<i64>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let digits = text.strip_prefix('-').unwrap_or(text);
        let number = text.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
        number.map(Some).ok_or_else(|| Error::invalid(name, "expects a decimal integer of at most 63 bits"))
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_decimal_integers() {
        let query = Query::parse("a=7&b=-7&c=%2B7&d=7.0&e=&f=99999999999999999999&g=7&g=8&h=0x1");
        assert_eq!(query.number("a").expect("a number"), Some(7));
        assert_eq!(query.number("b").expect("a number"), Some(-7));
        assert_eq!(query.number("none").expect("nothing"), None);
        for name in ["c", "d", "e", "f", "g", "h"] {
            assert!(query.number(name).expect_err(name).detail().starts_with(name));
        }
        assert!(query.required("e").is_err());
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_a_panic(text in "\\PC{0,100}") {
            let query = Query::parse(&text);
            let _ = (query.text("a"), query.number("a"));
        }
    }
}
