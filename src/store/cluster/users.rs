//! Users in the CQL database: conditional writes only.

use async_trait::async_trait;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::MaybeUnset;
use uuid::Uuid;

use super::attempts::Attempts;
use super::cql::{Applied, Kind, SharedCql};
use super::together::together;
use crate::model::{User, UserId, UserUpdate};
use crate::store::{StoreError, Users};

/// How many users are looked for before the first that is unknown is looked for among them.
const PART: usize = 256;

/// The table of users.
pub(super) struct UserTable {
    cql: SharedCql,
    create: PreparedStatement,
    update: PreparedStatement,
    find: PreparedStatement,
    find_serial: PreparedStatement,
    exists: PreparedStatement,
}

/// A row as it is created. op_id is of this registration alone: by it one of unknown outcome is recognised.
#[derive(scylla::SerializeRow)]
struct NewUser<'a> {
    user_id: &'a str,
    nickname: &'a str,
    avatar: &'a str,
    extra: &'a str,
    password_hash: &'a str,
    created_at_ms: i64,
    updated_at_ms: i64,
    op_id: Uuid,
}

#[derive(scylla::DeserializeRow)]
struct UserRow {
    nickname: String,
    avatar: String,
    extra: String,
    password_hash: String,
    created_at_ms: i64,
    updated_at_ms: i64,
    op_id: Uuid,
}

impl UserRow {
    fn into_user(self, id: UserId) -> User {
        User {
            id,
            nickname: self.nickname,
            avatar: self.avatar,
            extra: self.extra,
            password_hash: self.password_hash,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
        }
    }
}

const CREATE: &str = "INSERT INTO users (user_id, nickname, avatar, extra, password_hash, created_at_ms, updated_at_ms, op_id) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
const UPDATE: &str = "UPDATE users SET nickname = ?, avatar = ?, extra = ?, updated_at_ms = ? WHERE user_id = ? IF EXISTS";
const FIND: &str = "SELECT nickname, avatar, extra, password_hash, created_at_ms, updated_at_ms, op_id FROM users \
    WHERE user_id = ?";

impl UserTable {
    pub(super) async fn open(cql: SharedCql) -> Result<Self, StoreError> {
        Ok(Self {
            create: cql.prepare(CREATE, Kind::Lwt).await?,
            update: cql.prepare(UPDATE, Kind::Lwt).await?,
            find: cql.prepare(FIND, Kind::Read).await?,
            find_serial: cql.prepare(FIND, Kind::ReadSerial).await?,
            exists: cql.prepare("SELECT user_id FROM users WHERE user_id = ?", Kind::Read).await?,
            cql,
        })
    }

    /// The user as all conditional writes that may yet have an effect have left it.
    async fn agreed(&self, user: &UserId) -> Result<Option<UserRow>, StoreError> {
        self.cql.row(&self.find_serial, (user.as_str(),)).await
    }

    async fn exists(&self, user: &UserId) -> Result<bool, StoreError> {
        Ok(self.cql.row::<(String,)>(&self.exists, (user.as_str(),)).await?.is_some())
    }
}

/// What an update sets; what is unset stays.
fn of(text: &Option<String>) -> MaybeUnset<&str> {
    MaybeUnset::from_option(text.as_deref())
}

/// Whether the row holds what the update names.
fn holds(user: &User, update: &UserUpdate, now_ms: i64) -> bool {
    let same = |wanted: &Option<String>, there: &String| wanted.as_ref().is_none_or(|wanted| wanted == there);
    let texts = same(&update.nickname, &user.nickname) && same(&update.avatar, &user.avatar);
    texts && same(&update.extra, &user.extra) && user.updated_at_ms == now_ms
}

#[async_trait]
impl Users for UserTable {
    async fn create(&self, user: User) -> Result<bool, StoreError> {
        let row = NewUser {
            user_id: user.id.as_str(),
            nickname: &user.nickname,
            avatar: &user.avatar,
            extra: &user.extra,
            password_hash: &user.password_hash,
            created_at_ms: user.created_at_ms,
            updated_at_ms: user.updated_at_ms,
            op_id: Uuid::new_v4(),
        };
        let mut attempts = Attempts::within(self.cql.deadline());
        loop {
            attempts.next().await?;
            match self.cql.lwt(&self.create, &row).await? {
                Applied::Yes => return Ok(true),
                Applied::No if !attempts.is_repeat() => return Ok(false),
                Applied::No | Applied::Unknown => {
                    if let Some(there) = self.agreed(&user.id).await? {
                        return Ok(there.op_id == row.op_id);
                    }
                }
            }
        }
    }

    async fn find(&self, user: &UserId) -> Result<Option<User>, StoreError> {
        let row = self.cql.row::<UserRow>(&self.find, (user.as_str(),)).await?;
        Ok(row.map(|row| row.into_user(user.clone())))
    }

    async fn update(&self, user: &UserId, update: UserUpdate, now_ms: i64) -> Result<Option<User>, StoreError> {
        let mut attempts = Attempts::within(self.cql.deadline());
        loop {
            attempts.next().await?;
            let values = (of(&update.nickname), of(&update.avatar), of(&update.extra), now_ms, user.as_str());
            match self.cql.lwt(&self.update, values).await? {
                Applied::Yes => return self.find(user).await,
                Applied::No => return Ok(None),
                Applied::Unknown => match self.agreed(user).await?.map(|row| row.into_user(user.clone())) {
                    Some(there) if holds(&there, &update, now_ms) => return Ok(Some(there)),
                    // Not applied, or others came after it: it may as well come last.
                    Some(_) => {}
                    None => return Ok(None),
                },
            }
        }
    }

    async fn first_unknown(&self, users: &[UserId]) -> Result<Option<UserId>, StoreError> {
        for part in users.chunks(PART) {
            let known = together(part.iter().map(|user| self.exists(user)).collect()).await?;
            if let Some(at) = known.iter().position(|known| !known) {
                return Ok(Some(part[at].clone()));
            }
        }
        Ok(None)
    }
}
