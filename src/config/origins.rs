//! Which pages may call from a browser.

use serde::{Deserialize, Serialize};

/// The origins (RFC 6454) of pages that may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Origins {
    /// Those of the server itself only.
    Own,
    /// Its own and these.
    Listed(Vec<String>),
    /// All.
    Any,
}

impl Origins {
    /// Whether a page of `origin` may call a server that it knows as `host`. A page of the server itself has the host in its origin.
    pub fn admit(&self, origin: &str, host: Option<&str>) -> bool {
        let named = origin.split_once("://").map(|(_, named)| named);
        let own = host.zip(named).is_some_and(|(host, named)| host.eq_ignore_ascii_case(named));
        match self {
            Self::Own => own,
            Self::Listed(listed) => own || listed.iter().any(|listed| listed == origin),
            Self::Any => true,
        }
    }
}

impl TryFrom<String> for Origins {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        match words[..] {
            [] => Ok(Self::Own),
            ["*"] => Ok(Self::Any),
            _ => match words.iter().find(|word| !is_origin(word)) {
                Some(word) => Err(format!("expects * or origins such as https://chat.example.com, not {word}")),
                None => Ok(Self::Listed(words.into_iter().map(str::to_owned).collect())),
            },
        }
    }
}

impl From<Origins> for String {
    fn from(origins: Origins) -> Self {
        match origins {
            Origins::Own => Self::new(),
            Origins::Listed(listed) => listed.join(","),
            Origins::Any => "*".to_owned(),
        }
    }
}

/// Whether browsers spell an origin so: scheme, host and perhaps a port, in small letters, and nothing behind.
fn is_origin(word: &str) -> bool {
    let sane = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    word.split_once("://").is_some_and(|(scheme, authority)| {
        matches!(scheme, "http" | "https") && !authority.is_empty() && authority.bytes().all(sane)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(text: &str) -> Origins {
        Origins::try_from(text.to_owned()).expect("origins")
    }

    #[test]
    fn origins_are_spelt_as_browsers_spell_them() {
        assert_eq!((origins(" , "), origins("*")), (Origins::Own, Origins::Any));
        assert_eq!(
            String::from(origins("https://a.example, http://localhost:5173")),
            "https://a.example,http://localhost:5173"
        );
        for wrong in ["a.example", "https://", "https://a.example/", "https://A.example", "https://a.example,*", "null"] {
            let error = Origins::try_from(wrong.to_owned()).expect_err(wrong);
            assert!(error.starts_with("expects"), "{error}");
        }
    }

    #[test]
    fn a_page_may_call_if_it_is_the_servers_own_or_listed() {
        let host = Some("chat.example.com:8443");
        for text in ["", "https://a.example", "*"] {
            assert!(origins(text).admit("https://chat.example.com:8443", host), "its own");
        }
        assert!(origins("https://a.example").admit("https://a.example", host) && origins("*").admit("null", host));
        for other in ["https://b.example", "http://a.example", "https://chat.example.com", "null"] {
            assert!(!origins("https://a.example").admit(other, host), "{other}");
        }
        assert!(!origins("").admit("https://chat.example.com:8443", None), "of an unknown host");
    }
}
