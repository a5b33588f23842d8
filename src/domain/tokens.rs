//! Tokens: signed by the server, carried by clients, worth nothing without their session.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Code, Error, OrCode, Result};
use crate::model::{Caller, Platform, Session, UserId};

/// How far clocks may differ: a token is good for this much longer than it says.
const LEEWAY_MS: i64 = 5_000;

/// Whether a token that expires then is over now.
pub(super) fn is_over(expires_at_ms: i64, now_ms: i64) -> bool {
    expires_at_ms.saturating_add(LEEWAY_MS) <= now_ms
}

/// What tokens say of where they come from, and how long they live.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The `iss` claim.
    pub issuer: String,
    /// The `aud` claim.
    pub audience: String,
    /// How long a token lives.
    pub ttl_ms: i64,
}

/// A token as its user gets it.
pub struct Token {
    /// What the user shows.
    pub text: String,
    /// When it ends.
    pub expires_at_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    user_id: String,
    platform_id: i64,
    jti: String,
    iat: i64,
    exp: i64,
}

/// Signs tokens with one key, and checks those of that key and of one more (JWT, HS256).
pub struct Signer {
    settings: TokenSettings,
    header: Header,
    signing: EncodingKey,
    checking: DecodingKey,
    /// What tokens of the other key name it, and the key.
    other: Option<(String, DecodingKey)>,
    validation: Validation,
}

impl Signer {
    /// A signer with this secret.
    pub fn new(secret: &[u8], settings: TokenSettings) -> Self {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(name(secret));
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["iss", "aud"]);
        // The time is an argument of `check`.
        validation.validate_exp = false;
        Self {
            settings,
            header,
            signing: EncodingKey::from_secret(secret),
            checking: DecodingKey::from_secret(secret),
            other: None,
            validation,
        }
    }

    /// The same signer, which takes tokens of this secret too.
    #[must_use]
    pub fn accepting(self, secret: &[u8]) -> Self {
        Self { other: Some((name(secret), DecodingKey::from_secret(secret))), ..self }
    }

    /// A session that begins now, with a token of this id.
    pub fn session(&self, jti: String, now_ms: i64) -> Session {
        let expires_at_ms = now_ms.saturating_add(self.settings.ttl_ms);
        // Tokens count in seconds.
        Session {
            jti,
            issued_at_ms: now_ms,
            expires_at_ms: expires_at_ms - expires_at_ms.rem_euclid(1_000),
            refreshed_from: None,
        }
    }

    /// The token of a session: the same each time.
    pub fn sign(&self, user: &UserId, platform: Platform, session: &Session) -> Result<Token> {
        let claims = Claims {
            iss: self.settings.issuer.clone(),
            aud: self.settings.audience.clone(),
            user_id: user.as_str().to_owned(),
            platform_id: platform.number().into(),
            jti: session.jti.clone(),
            iat: session.issued_at_ms / 1_000,
            exp: session.expires_at_ms / 1_000,
        };
        let text = encode(&self.header, &claims, &self.signing).map_err(Error::internal)?;
        Ok(Token { text, expires_at_ms: session.expires_at_ms })
    }

    /// Who shows this token: 2001 if it is not one of ours, 2002 if its time is over. Whether it is current is another matter.
    pub fn check(&self, token: &str, now_ms: i64) -> Result<Caller> {
        let claims = decode::<Claims>(token, self.key_of(token), &self.validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => Code::TokenExpired,
            _ => Code::TokenInvalid,
        })?;
        let Claims { user_id, platform_id, jti, exp, .. } = claims.claims;
        let expires_at_ms = exp.saturating_mul(1_000);
        if is_over(expires_at_ms, now_ms) {
            return Err(Code::TokenExpired.into());
        }
        let user = UserId::parse(&user_id).or_code(Code::TokenInvalid)?;
        let platform = Platform::from_number(platform_id).or_code(Code::TokenInvalid)?;
        Ok(Caller { user, platform, jti, expires_at_ms })
    }

    /// The key that a token names, or else the one that signs.
    fn key_of(&self, token: &str) -> &DecodingKey {
        let Some((name, key)) = &self.other else { return &self.checking };
        let named = decode_header(token).ok().and_then(|header| header.kid);
        if named.as_ref() == Some(name) { key } else { &self.checking }
    }
}

/// What tokens call a key (`kid`).
fn name(secret: &[u8]) -> String {
    Sha256::digest(secret).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    fn signer(secret: &[u8]) -> Signer {
        let settings = TokenSettings { issuer: "nexo".to_owned(), audience: "nexo".to_owned(), ttl_ms: 60_000 };
        Signer::new(secret, settings)
    }

    fn token(signer: &Signer) -> String {
        let user = UserId::parse("user001").expect("valid");
        let session = signer.session("id".to_owned(), 1_000_000);
        signer.sign(&user, Platform::Web, &session).expect("signed").text
    }

    fn code(outcome: Result<Caller>) -> Code {
        outcome.expect_err("refused").code()
    }

    #[test]
    fn a_token_is_good_until_its_time_and_leeway_are_over() {
        let signer = signer(b"0123456789abcdef0123456789abcdef");
        let token = token(&signer);
        assert_eq!(signer.check(&token, 1_064_999).expect("good").user.as_str(), "user001");
        assert_eq!(code(signer.check(&token, 1_065_000)), Code::TokenExpired);
    }

    #[test]
    fn a_key_is_replaced_and_nobody_is_logged_out() {
        let (old, new) = (b"0123456789abcdef0123456789abcdef", b"fedcba9876543210fedcba9876543210");
        let steps = [signer(old), signer(old).accepting(new), signer(new).accepting(old), signer(new)];
        for (one, next) in steps.iter().zip(&steps[1..]) {
            // While nodes are restarted, some are a step ahead.
            next.check(&token(one), 1_000_000).expect("good a step later");
            one.check(&token(next), 1_000_000).expect("good a step before");
        }
        assert_eq!(code(steps[3].check(&token(&steps[0]), 1_000_000)), Code::TokenInvalid);
    }

    #[test]
    fn a_token_of_another_key_issuer_audience_or_algorithm_is_not_valid() {
        let ours = signer(b"0123456789abcdef0123456789abcdef");
        assert_eq!(code(ours.check(&token(&signer(b"another key, another key, another")), 1_000_000)), Code::TokenInvalid);
        for (issuer, audience) in [("x", "nexo"), ("nexo", "x")] {
            let settings = TokenSettings { issuer: issuer.to_owned(), audience: audience.to_owned(), ttl_ms: 60_000 };
            let other = Signer::new(b"0123456789abcdef0123456789abcdef", settings);
            assert_eq!(code(ours.check(&token(&other), 1_000_000)), Code::TokenInvalid);
        }
        let good = token(&ours);
        let (_, rest) = good.split_once('.').expect("three parts");
        let (claims, _) = rest.split_once('.').expect("three parts");
        let unsigned = format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#));
        assert_eq!(code(ours.check(&unsigned, 1_000_000)), Code::TokenInvalid);
    }

    proptest! {
        #[test]
        fn any_text_is_refused_as_a_token(text in ".{0,200}", parts in prop::collection::vec("[A-Za-z0-9_-]{0,40}", 0..5)) {
            let signer = signer(b"0123456789abcdef0123456789abcdef");
            prop_assert_eq!(code(signer.check(&text, 0)), Code::TokenInvalid);
            prop_assert_eq!(code(signer.check(&parts.join("."), 0)), Code::TokenInvalid);
        }
    }
}
