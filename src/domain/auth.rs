//! Registration, login, and what a token is worth.

use std::net::IpAddr;
use std::sync::Arc;

use super::fields;
use super::limits::{self, AddressLimit};
use super::passwords::Passwords;
use super::tokens::{self, Signer, Token};
use crate::clock::Clock;
use crate::error::{Code, Error, OrCode, Result};
use crate::model::{Caller, CloseReason, Platform, User, UserId};
use crate::push::Bus;
use crate::store::{self, Counted, Quota, Stores};
use crate::telemetry::Metrics;

/// For how long a refresh may be repeated.
const REFRESH_AGAIN_MS: i64 = 30_000;

/// The longest password.
pub const PASSWORD_BYTES: usize = 128;

/// Settings of the rules on accounts.
#[derive(Debug, Clone, Copy)]
pub struct AuthSettings {
    /// Registrations and logins of one address, counted by this node. `None` is no limit.
    pub address: Option<Quota>,
    /// Wrong passwords of an account, as the store counts them.
    pub login_failures: Option<Quota>,
    /// Whether an unknown user and a wrong password look the same.
    pub uniform_login_errors: bool,
    /// The shortest password.
    pub password_min_bytes: usize,
}

/// What somebody registers with.
#[derive(Debug)]
pub struct Registration {
    /// The id; without one, the server makes one.
    pub user_id: Option<String>,
    /// The name that others see.
    pub nickname: String,
    /// The password.
    pub password: String,
    /// URL of a picture, or empty.
    pub avatar: String,
}

/// What somebody logs in with.
#[derive(Debug)]
pub struct Login {
    /// The id.
    pub user_id: String,
    /// The password.
    pub password: String,
    /// The number of the platform.
    pub platform_id: i64,
}

/// The rules on accounts, sessions and tokens.
pub struct Auth {
    users: Arc<dyn store::Users>,
    sessions: Arc<dyn store::Sessions>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    signer: Signer,
    passwords: Passwords,
    settings: AuthSettings,
    addresses: Option<AddressLimit>,
    failures: Arc<dyn store::LoginFailures>,
    /// Verified in place of the hash of a user that does not exist, so that both take the same time.
    decoy: tokio::sync::OnceCell<String>,
}

/// What the rules on accounts work with besides the ports.
pub struct Keys {
    /// Signs and checks tokens.
    pub signer: Signer,
    /// Hashes passwords.
    pub passwords: Passwords,
}

impl Auth {
    /// The rules on these ports.
    pub fn new(
        stores: &Stores,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        keys: Keys,
        settings: (AuthSettings, Arc<Metrics>),
    ) -> Self {
        let (settings, metrics) = settings;
        Self {
            users: Arc::clone(&stores.users),
            sessions: Arc::clone(&stores.sessions),
            bus,
            clock,
            metrics,
            signer: keys.signer,
            passwords: keys.passwords,
            settings,
            addresses: settings.address.map(AddressLimit::new),
            failures: Arc::clone(&stores.login_failures),
            decoy: tokio::sync::OnceCell::new(),
        }
    }

    /// Registers a user. 2007 if the id is taken.
    pub async fn register(&self, registration: Registration, address: IpAddr) -> Result<User> {
        let Registration { user_id, nickname, password, avatar } = registration;
        let id = match user_id.filter(|id| !id.is_empty()) {
            Some(id) => fields::user_id("user_id", &id)?,
            None => fields::user_id("user_id", &self.clock.random_id().to_string())?,
        };
        fields::name("nickname", &nickname, 1)?;
        fields::at_most("avatar", &avatar, fields::AVATAR_BYTES)?;
        let min = self.settings.password_min_bytes;
        if !(min..=PASSWORD_BYTES).contains(&password.len()) {
            return Err(Error::invalid("password", &format!("expects {min} to {PASSWORD_BYTES} bytes")));
        }
        self.limit_address(address)?;
        if self.users.find(&id).await?.is_some() {
            return Err(Code::UserExists.into());
        }
        let password_hash = self.passwords.hash(password).await?;
        let now_ms = self.clock.now_ms();
        let user =
            User { id, nickname, avatar, extra: String::new(), password_hash, created_at_ms: now_ms, updated_at_ms: now_ms };
        if self.users.create(user.clone()).await? { Ok(user) } else { Err(Code::UserExists.into()) }
    }

    /// Logs a user in on a platform, and whoever was logged in there out. Answers the token with the user.
    pub async fn login(&self, login: Login, address: IpAddr) -> Result<(Token, User)> {
        let id = fields::user_id("user_id", &login.user_id)?;
        let platform = Platform::from_number(login.platform_id);
        let platform = platform.ok_or_else(|| Error::invalid("platform_id", "expects a number from 1 to 5"))?;
        if login.password.is_empty() {
            return Err(Error::invalid("password", "expects a password"));
        }
        self.limit_address(address)?;
        let user = self.users.find(&id).await?;
        let user = self.verify(id, user, login.password).await?;
        let session = self.signer.session(self.clock.random_id().to_string(), self.clock.now_ms());
        let token = self.signer.sign(&user.id, platform, &session)?;
        let (sessions, bus, id) = (Arc::clone(&self.sessions), Arc::clone(&self.bus), user.id.clone());
        to_the_end(async move {
            if let Some(replaced) = sessions.replace(&id, platform, session).await? {
                bus.end(&id, &replaced.jti, CloseReason::Replaced).await;
            }
            Ok(())
        })
        .await?;
        Ok((token, user))
    }

    /// Who shows this token. Whether it is current is left to whoever is asked next: see [`Self::authorize`].
    pub fn check(&self, token: &str) -> Result<Caller> {
        self.signer.check(token, self.clock.now_ms())
    }

    /// Refuses a caller whose token is not the current one.
    pub async fn authorize(&self, caller: &Caller) -> Result<()> {
        match self.sessions.find(&caller.user, caller.platform).await? {
            Some(session) if session.jti == caller.jti => Ok(()),
            _ => Err(Code::TokenInvalid.into()),
        }
    }

    /// Who shows this token, if it is current.
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        let caller = self.check(token)?;
        self.authorize(&caller).await?;
        Ok(caller)
    }

    /// Why a connection with this token must close, if it must.
    pub async fn ended(&self, caller: &Caller) -> Result<Option<CloseReason>> {
        let (session, now_ms) = (self.sessions.find(&caller.user, caller.platform).await?, self.clock.now_ms());
        Ok(match session {
            // Refreshed a moment ago: the bus is about to be told of the new token.
            Some(session) if session.was_refreshed_from(&caller.jti, now_ms - REFRESH_AGAIN_MS) => None,
            Some(session) if session.jti != caller.jti => Some(CloseReason::Replaced),
            Some(session) if !tokens::is_over(session.expires_at_ms, now_ms) => None,
            _ => Some(CloseReason::TokenEnded),
        })
    }

    /// Ends the caller's token and closes its sockets.
    pub async fn logout(&self, caller: &Caller) -> Result<()> {
        let (sessions, bus, caller) = (Arc::clone(&self.sessions), Arc::clone(&self.bus), caller.clone());
        to_the_end(async move {
            sessions.swap(&caller.user, caller.platform, &caller.jti, None).await?;
            bus.end(&caller.user, &caller.jti, CloseReason::TokenEnded).await;
            Ok(())
        })
        .await
    }

    /// A new token in place of this one. Repeated within 30 s, it answers the same new token.
    pub async fn refresh(&self, token: &str) -> Result<Token> {
        let now_ms = self.clock.now_ms();
        let old = self.signer.check(token, now_ms)?;
        let mut next = self.signer.session(self.clock.random_id().to_string(), now_ms);
        next.refreshed_from = Some(old.jti.clone());
        let (sessions, caller) = (Arc::clone(&self.sessions), old.clone());
        let (bus, again) = (Arc::clone(&self.bus), self.clock.now_ms() - REFRESH_AGAIN_MS);
        let session = to_the_end(async move {
            let Caller { user, platform, jti, .. } = &caller;
            let current = match sessions.find(user, *platform).await? {
                Some(session) if session.jti == *jti => sessions.swap(user, *platform, jti, Some(next)).await?,
                other => other,
            };
            let session = current.filter(|session| session.was_refreshed_from(jti, again)).or_code(Code::TokenInvalid)?;
            let renewed = Caller { jti: session.jti.clone(), expires_at_ms: session.expires_at_ms, ..caller.clone() };
            bus.renew(&renewed, jti).await;
            Ok(session)
        })
        .await?;
        self.signer.sign(&old.user, old.platform, &session)
    }

    /// The user, if the password is right. Only wrong ones count against the account.
    async fn verify(&self, id: UserId, user: Option<User>, password: String) -> Result<User> {
        let uniform = self.settings.uniform_login_errors;
        let Some(user) = user else {
            if uniform {
                let decoy = self.decoy.get_or_try_init(|| self.passwords.hash("decoy".to_owned())).await?;
                self.limit_failures(&id).await?;
                self.passwords.verify(password, decoy.clone()).await?;
                return Err(Code::LoginFailed.into());
            }
            return Err(Code::UserNotFound.into());
        };
        let counted = self.limit_failures(&id).await?;
        let right = self.passwords.verify(password, user.password_hash.clone()).await;
        if !matches!(right, Ok(false)) {
            self.failures.give_back(&id, counted).await;
        }
        match right? {
            true => Ok(user),
            false if uniform => Err(Code::LoginFailed.into()),
            false => Err(Code::WrongPassword.into()),
        }
    }

    fn limit_address(&self, address: IpAddr) -> Result<()> {
        let taken = self.addresses.as_ref().map(|addresses| addresses.take(address, self.clock.now_ms()));
        let quota = self.settings.address;
        taken.unwrap_or(Ok(())).map_err(|retry_after_ms| self.too_many(("address", quota), retry_after_ms))
    }

    async fn limit_failures(&self, user: &UserId) -> Result<Counted> {
        let taken = self.failures.take(user, self.clock.now_ms()).await;
        let quota = self.settings.login_failures;
        taken.map_err(|retry_after_ms| self.too_many(("login_failures", quota), retry_after_ms))
    }

    fn too_many(&self, (limit, quota): (&'static str, Option<Quota>), retry_after_ms: i64) -> Error {
        self.metrics.limited.with_label_values(&[limit]).inc();
        let error = Error::too_many("too many attempts, try again later", retry_after_ms);
        match quota {
            Some(quota) => error.with_standing(limits::standing(limit, quota, 0, retry_after_ms)),
            None => error,
        }
    }
}

/// Runs `work` to its end, even if whoever asked for it goes away in its middle.
async fn to_the_end<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work).await.map_err(Error::internal)?
}
