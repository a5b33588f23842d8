//! Tokens taken apart, bent, and signed again, with a secret that the test gave the server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::Value;

/// A value for `auth.secret`.
pub(crate) const SECRET: &str = "a secret of forty bytes, known to a test.";

/// A JWT in parts.
#[derive(Clone)]
pub(crate) struct Token {
    /// The header: `alg`, `kid`, ..
    pub(crate) header: Value,
    /// The claims: `user_id`, `exp`, ..
    pub(crate) claims: Value,
}

impl Token {
    /// Takes a token apart.
    pub(crate) fn parse(token: &str) -> Token {
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts.len(), 3, "a JWT has three parts: {token}");
        let part = |text: &str| {
            let bytes = BASE64.decode(text).expect("base64url without padding");
            serde_json::from_slice(&bytes).expect("a JSON object")
        };
        Token { header: part(parts[0]), claims: part(parts[1]) }
    }

    /// Header and claims, not signed.
    pub(crate) fn unsigned(&self) -> String {
        format!("{}.{}", BASE64.encode(self.header.to_string()), BASE64.encode(self.claims.to_string()))
    }

    /// The token, signed with `SECRET` by this algorithm (whatever its header says).
    pub(crate) fn signed(&self, algorithm: Algorithm) -> String {
        let body = self.unsigned();
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let signature = crypto::sign(body.as_bytes(), &key, algorithm).expect("a signature");
        format!("{body}.{signature}")
    }
}
