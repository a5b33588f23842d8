//! The table of groups: its statements, and what one conditional batch holds.

use std::collections::HashMap;

use scylla::serialize::row::SerializeRow;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::MaybeUnset;
use uuid::Uuid;

use crate::model::{Fanout, Group, GroupId, GroupUpdate, Member, UserId, Windows};
use crate::store::StoreError;
use crate::store::cluster::cql::{Applied, Kind, SharedCql};
use crate::store::cluster::rows::{self, GROUP_COLUMNS, GroupRow, MEMBER_COLUMNS, MemberRow, WindowsRow};
use crate::store::cluster::together::together;
use crate::store::cluster::watches::Remembered;

/// How many op_ids are kept of changes before the latest, so that one of unknown outcome is recognised though others followed it.
const PAST: usize = 16;

/// How many rows of members one query asks for.
const IN_ONE: usize = 100;

/// How many rows of the roster one query asks for.
const PAGE: usize = 1_000;

/// The table of groups.
pub(in crate::store::cluster) struct GroupTable {
    cql: SharedCql,
    /// A group that ever had more members is told by node.
    by_member_max: u64,
    /// Groups that are known to be told by node only, as they stay.
    by_node: Remembered<GroupId, bool>,
    find: PreparedStatement,
    agreed: PreparedStatement,
    member: PreparedStatement,
    members: PreparedStatement,
    roster: PreparedStatement,
    audience: PreparedStatement,
    fanout: PreparedStatement,
    claim: PreparedStatement,
    hold: PreparedStatement,
    create: PreparedStatement,
    change: PreparedStatement,
    put_member: PreparedStatement,
    put_roster: PreparedStatement,
    delete_roster: PreparedStatement,
}

const SET: &str = "UPDATE groups SET version = :version, op_id = :op_id, past_op_ids = :past_op_ids, group_name = :group_name, \
    introduction = :introduction, avatar = :avatar, status = :status, creator = :creator, owner = :owner, \
    member_count = :member_count, next_member_id = :next_member_id, fanout = :fanout, created_at_ms = :created_at_ms, \
    updated_at_ms = :updated_at_ms WHERE group_id = :group_id";
const PUT_MEMBER: &str = "INSERT INTO groups (group_id, kind, name, member_id, nickname, role, member_status, joined_at_ms, \
    inviter, windows) VALUES (?, 'member', ?, ?, ?, ?, ?, ?, ?, ?)";

/// A row of the roster with the group's version and fan-out.
type AudienceRow = (Option<i64>, Option<i8>, String, Option<WindowsRow>);

/// Who is told of a message.
#[derive(Debug, Default)]
pub(in crate::store::cluster) struct Audience {
    /// Those who are told through their logs.
    pub(in crate::store::cluster) users: Vec<UserId>,
    /// If nodes tell the group's members: the group's version, which they must know for it.
    pub(in crate::store::cluster) by_node: Option<u64>,
}

impl Audience {
    /// These users, through their logs.
    pub(in crate::store::cluster) fn of(users: Vec<UserId>) -> Self {
        Self { users, by_node: None }
    }

    /// Whether they are told both ways.
    pub(in crate::store::cluster) fn is_both(&self) -> bool {
        self.by_node.is_some() && !self.users.is_empty()
    }
}

/// What a group's row becomes, besides the group itself.
pub(super) struct Next {
    pub(super) version: i64,
    pub(super) op_id: Uuid,
    past: Vec<Uuid>,
}

impl Next {
    /// Of a group that comes into being by this op.
    pub(super) fn first(op_id: Uuid) -> Self {
        Self { version: 1, op_id, past: Vec::new() }
    }

    /// Of a change on this row, under a new op_id.
    pub(super) fn after(row: &GroupRow, version: i64) -> Self {
        let past = row.op_id.into_iter().chain(row.past_op_ids.iter().flatten().copied()).take(PAST).collect();
        Self { version: version + 1, op_id: Uuid::new_v4(), past }
    }
}

/// The values of [`SET`].
#[derive(scylla::SerializeRow)]
struct Head<'a> {
    group_id: i64,
    version: i64,
    op_id: Uuid,
    past_op_ids: &'a [Uuid],
    group_name: &'a str,
    introduction: &'a str,
    avatar: &'a str,
    status: i8,
    creator: &'a str,
    owner: &'a str,
    member_count: i64,
    next_member_id: i64,
    fanout: i8,
    created_at_ms: i64,
    updated_at_ms: i64,
}

impl<'a> Head<'a> {
    fn of(group: &'a Group, next: &'a Next) -> Self {
        Self {
            group_id: key(group.id),
            version: next.version,
            op_id: next.op_id,
            past_op_ids: &next.past,
            group_name: &group.fields.name,
            introduction: &group.fields.introduction,
            avatar: &group.fields.avatar,
            status: (group.status as u8).cast_signed(),
            creator: group.creator.as_str(),
            owner: group.owner.as_str(),
            member_count: group.member_count.cast_signed(),
            next_member_id: group.next_member_id.cast_signed(),
            fanout: (group.fanout as u8).cast_signed(),
            created_at_ms: group.created_at_ms,
            updated_at_ms: group.updated_at_ms,
        }
    }
}

/// The values of a creation, which goes on where `claimed_by` began it, or begins with nothing.
#[derive(scylla::SerializeRow)]
struct Creation<'a> {
    #[scylla(flatten)]
    head: Head<'a>,
    claimed_by: Option<Uuid>,
}

/// The values of a change of the version `before`.
#[derive(scylla::SerializeRow)]
struct Change<'a> {
    #[scylla(flatten)]
    head: Head<'a>,
    before: i64,
}

/// One conditional batch: all of it takes effect, or nothing.
struct Write<'a> {
    statements: Vec<&'a PreparedStatement>,
    values: Vec<Box<dyn SerializeRow + Send + Sync + 'a>>,
}

impl<'a> Write<'a> {
    fn new(statement: &'a PreparedStatement, values: impl SerializeRow + Send + Sync + 'a) -> Self {
        Self { statements: vec![statement], values: vec![Box::new(values)] }
    }

    fn add(&mut self, statement: &'a PreparedStatement, values: impl SerializeRow + Send + Sync + 'a) {
        self.statements.push(statement);
        self.values.push(Box::new(values));
    }
}

fn key(group: GroupId) -> i64 {
    group.number().cast_signed()
}

/// The name of a row of the roster, by which the rows are in the order of the members' numbers.
fn roster_name(member: u64) -> String {
    format!("{member:020}")
}

impl GroupTable {
    pub(in crate::store::cluster) async fn open(cql: SharedCql, by_member_max: u64) -> Result<Self, StoreError> {
        let find = format!("SELECT DISTINCT {GROUP_COLUMNS} FROM groups WHERE group_id = ?");
        let member = format!("SELECT {MEMBER_COLUMNS} FROM groups WHERE group_id = ? AND kind = 'member' AND name");
        let roster = "SELECT version, name, user_id FROM groups WHERE group_id = ? AND kind = 'roster' AND name > ? LIMIT ?";
        let claim = "UPDATE groups SET op_id = ? WHERE group_id = ? IF version = null AND op_id = null";
        let hold = "UPDATE groups SET op_id = ? WHERE group_id = ? IF version = null AND op_id = ?";
        let create = format!("{SET} IF version = null AND op_id = :claimed_by");
        let put_roster = "INSERT INTO groups (group_id, kind, name, user_id, windows) VALUES (?, 'roster', ?, ?, ?)";
        let audience = "SELECT version, fanout, user_id, windows FROM groups WHERE group_id = ? AND kind = 'roster'";
        let fanout = "SELECT DISTINCT version, fanout FROM groups WHERE group_id = ?";
        let delete_roster = "DELETE FROM groups WHERE group_id = ? AND kind = 'roster' AND name = ?";
        Ok(Self {
            find: cql.prepare(&find, Kind::Read).await?,
            agreed: cql.prepare(&find, Kind::ReadSerial).await?,
            member: cql.prepare(&format!("{member} = ?"), Kind::Read).await?,
            members: cql.prepare(&format!("{member} IN ?"), Kind::Read).await?,
            roster: cql.prepare(roster, Kind::Read).await?,
            audience: cql.prepare(audience, Kind::Read).await?,
            fanout: cql.prepare(fanout, Kind::Read).await?,
            by_member_max,
            by_node: Remembered::default(),
            claim: cql.prepare(claim, Kind::Lwt).await?,
            hold: cql.prepare(hold, Kind::Lwt).await?,
            create: cql.prepare(&create, Kind::Lwt).await?,
            change: cql.prepare(&format!("{SET} IF version = :before"), Kind::Lwt).await?,
            put_member: cql.prepare(PUT_MEMBER, Kind::Lwt).await?,
            put_roster: cql.prepare(put_roster, Kind::Lwt).await?,
            delete_roster: cql.prepare(delete_roster, Kind::Lwt).await?,
            cql,
        })
    }

    /// A group's row; one without a version is still being made.
    pub(super) async fn find(&self, group: GroupId) -> Result<Option<GroupRow>, StoreError> {
        self.cql.row(&self.find, (key(group),)).await
    }

    /// A group's row as all conditional writes that may yet have an effect have left it.
    pub(super) async fn agreed(&self, group: GroupId) -> Result<Option<GroupRow>, StoreError> {
        self.cql.row(&self.agreed, (key(group),)).await
    }

    /// How the messages of a group of this size reach its members, if they did so as it says.
    pub(super) fn fanout_of(&self, group: &Group) -> Fanout {
        match group.fanout {
            Fanout::Members if group.member_count > self.by_member_max => Fanout::Both,
            fanout => fanout,
        }
    }

    /// The row of one who is or was a member, as it is together with the group's version and fan-out.
    pub(in crate::store::cluster) async fn member(
        &self,
        group: GroupId,
        user: &UserId,
    ) -> Result<Option<(i64, Fanout, Member)>, StoreError> {
        let row = self.cql.row::<MemberRow>(&self.member, (key(group), user.as_str())).await?;
        let Some(row) = row else { return Ok(None) };
        let Some(version) = row.version else { return Ok(None) };
        Ok(Some((version, rows::fanout(row.fanout)?, row.into_member()?)))
    }

    /// What these users may see, in their order, and a version of the group at which, or after which, it was so.
    pub(super) async fn seats(&self, group: GroupId, users: &[UserId]) -> Result<(u64, Vec<Windows>), StoreError> {
        let read = |part: &[UserId]| {
            let names: Vec<String> = part.iter().map(UserId::to_string).collect();
            async move { self.cql.rows::<MemberRow>(&self.members, (key(group), names)).await }
        };
        let (mut oldest, mut found) = (None::<i64>, HashMap::new());
        for row in together(users.chunks(IN_ONE).map(read).collect()).await?.into_iter().flatten() {
            let version = row.version.unwrap_or(0);
            oldest = Some(oldest.map_or(version, |oldest| oldest.min(version)));
            let member = row.into_member()?;
            found.insert(member.user, member.windows);
        }
        let seats = users.iter().map(|user| found.remove(user).unwrap_or_default()).collect();
        Ok((oldest.unwrap_or(0).cast_unsigned(), seats))
    }

    /// The rows of these users, in that order.
    pub(super) async fn members(&self, group: GroupId, users: &[UserId]) -> Result<Vec<Option<Member>>, StoreError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let rows = self.cql.rows::<MemberRow>(&self.members, (key(group), names)).await?;
        let found = rows.into_iter().map(MemberRow::into_member).collect::<Result<Vec<_>, _>>()?;
        Ok(users.iter().map(|user| found.iter().find(|member| member.user == *user).cloned()).collect())
    }

    /// The members who are in, by number, those above `after`, at most `limit`.
    pub(super) async fn roster(&self, group: GroupId, after: u64, limit: usize) -> Result<Vec<Member>, StoreError> {
        let (mut found, mut after) = (Vec::new(), roster_name(after));
        while found.len() < limit {
            let count = PAGE.min(limit - found.len());
            let values = (key(group), &after, i32::try_from(count).unwrap_or(i32::MAX));
            let rows: Vec<(Option<i64>, String, String)> = self.cql.rows(&self.roster, values).await?;
            let Some((Some(_), last, _)) = rows.last() else { break };
            after.clone_from(last);
            let users = rows.iter().map(|(_, _, user)| rows::user_id(user)).collect::<Result<Vec<_>, _>>()?;
            let parts = together(users.chunks(IN_ONE).map(|part| self.members(group, part)).collect()).await?;
            // One that left since the roster was read is not in any more.
            found.extend(parts.into_iter().flatten().flatten().filter(Member::is_active));
            if rows.len() < count {
                break;
            }
        }
        Ok(found)
    }

    /// Who is told of a message under this seq, if it is higher than any that was given out before.
    pub(in crate::store::cluster) async fn audience(&self, group: GroupId, seq: u64) -> Result<Audience, StoreError> {
        if self.by_node.with(&group, |known| *known) {
            let row: Option<(Option<i64>, Option<i8>)> = self.cql.row(&self.fanout, (key(group),)).await?;
            let version = row.and_then(|(version, _)| version).unwrap_or(0);
            return Ok(Audience { users: Vec::new(), by_node: Some(version.cast_unsigned()) });
        }
        let rows: Vec<AudienceRow> = self.cql.paged(&self.audience, (key(group),)).await?;
        let Some((version, fanout, ..)) = rows.first() else { return Ok(Audience::default()) };
        let fanout = rows::fanout(*fanout)?;
        let by_node = version.map(i64::cast_unsigned).filter(|_| fanout != Fanout::Members);
        if fanout == Fanout::Nodes {
            self.by_node.with(&group, |known| *known = true);
            return Ok(Audience { users: Vec::new(), by_node });
        }
        let sees = |stay: &Option<WindowsRow>| stay.as_ref().is_none_or(|stay| rows::windows(stay.clone()).contains(seq));
        let users = rows.iter().filter(|(.., stay)| sees(stay)).map(|(_, _, user, _)| rows::user_id(user));
        Ok(Audience { users: users.collect::<Result<_, _>>()?, by_node })
    }

    /// Takes an id for a group that is too large to be made at once.
    pub(super) async fn claim(&self, group: GroupId, op_id: Uuid) -> Result<Applied, StoreError> {
        self.cql.lwt(&self.claim, (op_id, key(group))).await
    }

    /// Writes some members of a group whose id was claimed.
    pub(super) async fn add(&self, group: GroupId, op_id: Uuid, members: &[Member]) -> Result<Applied, StoreError> {
        let mut write = Write::new(&self.hold, (op_id, key(group), op_id));
        members.iter().for_each(|member| self.put(&mut write, group, member, true));
        self.cql.lwt_batch(write.statements, write.values).await
    }

    /// Lets a group be, with the last of its members.
    pub(super) async fn create(
        &self,
        group: &Group,
        next: &Next,
        claimed_by: Option<Uuid>,
        members: &[Member],
    ) -> Result<Applied, StoreError> {
        let mut write = Write::new(&self.create, Creation { head: Head::of(group, next), claimed_by });
        members.iter().for_each(|member| self.put(&mut write, group.id, member, true));
        self.cql.lwt_batch(write.statements, write.values).await
    }

    /// Writes a change. The windows of members who did not move stay as they are: two of a thousand stays each would be more
    /// than a batch may hold.
    pub(super) async fn change(&self, next: &Next, update: &GroupUpdate, moved: &[bool]) -> Result<Applied, StoreError> {
        let (group, before) = (&update.group, next.version - 1);
        let mut write = Write::new(&self.change, Change { head: Head::of(group, next), before });
        update.members.iter().zip(moved).for_each(|(member, moved)| self.put(&mut write, group.id, member, *moved));
        self.cql.lwt_batch(write.statements, write.values).await
    }

    fn put<'a>(&'a self, write: &mut Write<'a>, group: GroupId, member: &'a Member, with_windows: bool) {
        let (group, user, name) = (key(group), member.user.as_str(), roster_name(member.id));
        let windows = with_windows.then(|| rows::windows_row(&member.windows));
        let values: MemberValues<'_> = (
            group,
            user,
            member.id.cast_signed(),
            &member.nickname,
            (member.role as u8).cast_signed(),
            (member.status as u8).cast_signed(),
            member.joined_at_ms,
            member.inviter.as_ref().map(UserId::as_str),
            MaybeUnset::from_option(windows),
        );
        write.add(&self.put_member, values);
        if member.is_active() {
            let stay = member.windows.stays().last().filter(|_| with_windows);
            let stay = stay.map(|stay| rows::windows_row(&Windows::from_stays(vec![*stay])));
            write.add(&self.put_roster, (group, name, user, MaybeUnset::from_option(stay)));
        } else {
            write.add(&self.delete_roster, (group, name));
        }
    }
}

/// The values of [`PUT_MEMBER`].
type MemberValues<'a> = (i64, &'a str, i64, &'a str, i8, i8, i64, Option<&'a str>, MaybeUnset<WindowsRow>);
