//! What only this adapter has to show: several nodes on one group, groups larger than a batch, and what the dead leave behind.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::growing::Growing;
use super::table::Next;
use super::{ClusterGroups, GroupTable};
use crate::config::ClusterStore;
use crate::model::{
    ConversationId, Extent, Fanout, Group, GroupChange, GroupFields, GroupId, GroupState, GroupStatus, GroupUpdate, Member,
    MemberStatus, NodeId, Role, UserId, Windows,
};
use crate::store::cluster::conversations::ClusterConversations;
use crate::store::cluster::cql::{Applied, Cql};
use crate::store::cluster::extents::Extents;
use crate::store::cluster::views::{Copied, Views};
use crate::store::cluster::{LogLimits, push_path, schema};
use crate::store::{Conversations, GroupRule, Groups, StoreError};
use crate::telemetry::Metrics;

/// Conversations that have all come this far.
struct At(u64);

#[async_trait]
impl Extents for At {
    async fn extent(&self, _: &ConversationId) -> Result<Extent, StoreError> {
        Ok(Extent { max_seq: self.0, last_at_ms: 1, gaps: Vec::new() })
    }

    async fn extents(&self, conversations: &[ConversationId]) -> Result<Vec<Extent>, StoreError> {
        Ok(conversations.iter().map(|_| Extent { max_seq: self.0, last_at_ms: 1, gaps: Vec::new() }).collect())
    }

    async fn top(&self, _: &ConversationId) -> Result<u64, StoreError> {
        Ok(self.0)
    }

    async fn whole(&self, _: &ConversationId) -> Result<u64, StoreError> {
        Ok(self.0)
    }

    async fn tell(&self, _: &ConversationId, _: (u64, u64), _: &[Member]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn sent_at(&self, _: &ConversationId, _: u64) -> Result<Option<i64>, StoreError> {
        Ok(Some(1))
    }
}

/// One node.
struct Node {
    groups: ClusterGroups,
    table: Arc<GroupTable>,
    views: Arc<Views>,
    conversations: ClusterConversations,
}

impl Node {
    async fn open(config: &ClusterStore) -> Self {
        let cql = Arc::new(Cql::connect(config, Some(&config.cql_keyspace)).await.expect("a session"));
        let table = Arc::new(GroupTable::open(Arc::clone(&cql), config.big_group_members).await.expect("the table"));
        let views = Arc::new(Views::open(Arc::clone(&cql)).await.expect("the table"));
        let extents: Arc<dyn Extents> = Arc::new(At(7));
        let (metrics, limits) = (Metrics::new().expect("metrics"), LogLimits { entries: 16, ttl_ms: 60_000 });
        let push = push_path(config, limits, NodeId::from_number(rand::random()), &metrics).await;
        let (.., group_nodes) = push.expect("Redis answers");
        Self {
            groups: ClusterGroups::new(
                cql,
                (Arc::clone(&table), Arc::clone(&views), Arc::clone(&extents)),
                group_nodes,
                Growing::new(),
                CancellationToken::new(),
            ),
            conversations: ClusterConversations::new(Arc::clone(&views), Arc::clone(&table), extents),
            table,
            views,
        }
    }

    /// How a user's row stands, and what the user is shown.
    async fn view(&self, user: &UserId, group: GroupId) -> (Option<Copied>, Option<Windows>) {
        let id = ConversationId::Group(group);
        let row = self.views.find(user, &id).await.expect("read").map(|view| view.copy);
        let shown = self.conversations.find(user, &id).await.expect("read");
        (row, shown.map(|shown| shown.conversation.windows))
    }
}

/// A database that is prepared, or `None` and a line that says what is left out.
async fn prepared(test: &str) -> Option<ClusterStore> {
    let (Ok(nodes), Ok(redis_url)) = (std::env::var("NEXO_TEST_CQL"), std::env::var("NEXO_TEST_REDIS")) else {
        assert!(std::env::var_os("NEXO_TEST_ALL").is_none(), "NEXO_TEST_CQL or NEXO_TEST_REDIS is not set");
        println!("left out: {test} needs a CQL database and Redis: tests/run starts them");
        return None;
    };
    let config = ClusterStore {
        cql_nodes: nodes,
        redis_url,
        cql_keyspace: "nexo_groups".to_owned(),
        cql_replication: "{'class': 'SimpleStrategy', 'replication_factor': 1}".to_owned(),
        ..ClusterStore::default()
    };
    schema::migrate(&config).await.expect("migrated");
    Some(config)
}

fn user(number: u64) -> UserId {
    UserId::parse(&format!("{number}-{}", Uuid::new_v4())).expect("a user id")
}

fn member(id: u64, user: UserId) -> Member {
    Member {
        id,
        user,
        nickname: String::new(),
        role: if id == 1 { Role::Owner } else { Role::Member },
        status: MemberStatus::Active,
        joined_at_ms: 1_000,
        inviter: None,
        windows: Windows::whole(),
    }
}

/// A new group with so many members.
fn founded(count: u64) -> GroupUpdate {
    let members: Vec<Member> = (1..=count).map(|id| member(id, user(id))).collect();
    let owner = members[0].user.clone();
    let group = Group {
        id: GroupId::from_number(rand::random()),
        fanout: Fanout::default(),
        fields: GroupFields { name: "first".to_owned(), ..GroupFields::default() },
        status: GroupStatus::Normal,
        creator: owner.clone(),
        owner: owner.clone(),
        member_count: count,
        next_member_id: count + 1,
        created_at_ms: 1_000,
        updated_at_ms: 1_000,
    };
    let change = GroupChange { group: group.id, change: "created".into(), operator: owner, users: Vec::new() };
    GroupUpdate { group, members, change }
}

/// Puts a letter behind the name.
fn appends() -> GroupRule {
    Box::new(|state: &GroupState| {
        let mut group = state.group.clone();
        group.fields.name.push('x');
        Ok(after(group, Vec::new()))
    })
}

fn after(group: Group, members: Vec<Member>) -> GroupUpdate {
    let change = GroupChange { group: group.id, change: "updated".into(), operator: group.owner.clone(), users: Vec::new() };
    GroupUpdate { group, members, change }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_change_one_group_at_once_lose_nothing() {
    let Some(config) = prepared("two nodes on one group").await else { return };
    let (one, other) = (Node::open(&config).await, Node::open(&config).await);
    let first = founded(1);
    let id = first.group.id;
    assert!(one.groups.create(first, Box::new(|_| {})).await.expect("stored"));
    let changes = (0..10)
        .flat_map(|_| [&one, &other])
        .map(async |node| node.groups.change(id, Vec::new(), appends(), Box::new(|_| {})).await);
    let changed = join_all(changes).await.into_iter().filter(Result::is_ok).count();
    let name = other.groups.find(id).await.expect("read").expect("a group").fields.name;
    assert_eq!(name, format!("first{}", "x".repeat(changed)));
    assert!(changed > 10, "only {changed} of 20 came through");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_larger_than_a_batch_is_made_as_a_whole() {
    let Some(config) = prepared("a large group").await else { return };
    let node = Node::open(&config).await;
    let large = founded(130);
    let id = large.group.id;
    assert!(node.groups.create(large.clone(), Box::new(|_| {})).await.expect("stored"));
    assert_eq!(node.groups.members(id, 0, usize::MAX).await.expect("read"), large.members);
    assert_eq!(node.groups.members(id, 100, 7).await.expect("read"), large.members[100..107]);
    let row = node.table.find(id).await.expect("read").expect("a row");
    assert_eq!(row.into_group(id).expect("a group").fanout, Fanout::Both);
    for member in [&large.members[0], &large.members[129]] {
        assert_eq!(node.view(&member.user, id).await, (Some(Copied::Right), Some(Windows::whole())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_maker_died_is_not_there_and_its_id_is_taken() {
    let Some(config) = prepared("a group half made").await else { return };
    let node = Node::open(&config).await;
    let half = founded(60);
    let (id, op_id, owner) = (half.group.id, Uuid::new_v4(), &half.members[0].user);
    assert_eq!(node.table.claim(id, op_id).await.expect("answered"), Applied::Yes);
    let all: Vec<&Member> = half.members.iter().collect();
    node.views.announce(id, &all, 1).await.expect("written");
    assert_eq!(node.table.add(id, op_id, &half.members[..50]).await.expect("answered"), Applied::Yes);
    assert_eq!(node.groups.find(id).await.expect("read"), None);
    assert_eq!(node.groups.member(id, owner).await.expect("read"), None);
    assert!(node.groups.members(id, 0, 10).await.expect("read").is_empty());
    assert_eq!(node.view(owner, id).await, (Some(Copied::Pending(1)), None));
    assert!(!node.groups.create(half.clone(), Box::new(|_| {})).await.expect("answered"));
    let small = GroupUpdate { members: half.members[..1].to_vec(), ..half.clone() };
    assert!(!node.groups.create(small, Box::new(|_| {})).await.expect("answered"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_not_written_is_mended_by_its_reader() {
    let Some(config) = prepared("a copy that was not written").await else { return };
    let node = Node::open(&config).await;
    let first = founded(2);
    let (id, mut leaves) = (first.group.id, first.members[1].clone());
    assert!(node.groups.create(first.clone(), Box::new(|_| {})).await.expect("stored"));
    leaves.windows.close(7);
    leaves.status = MemberStatus::Quit;
    node.views.announce(id, &[&leaves], 2).await.expect("written");
    // Not decided: as it was, and nobody mends it.
    for _ in 0..2 {
        assert_eq!(node.view(&leaves.user, id).await, (Some(Copied::Pending(2)), Some(Windows::whole())));
    }
    let row = node.table.find(id).await.expect("read").expect("a row");
    let next = Next::after(&row, 1);
    let update = after(first.group.clone(), vec![leaves.clone()]);
    assert_eq!(node.table.change(&next, &update, &[true]).await.expect("answered"), Applied::Yes);
    // Decided by one who died then: the first reader finds it pending and mends it.
    assert_eq!(node.view(&leaves.user, id).await, (Some(Copied::Pending(2)), Some(leaves.windows.clone())));
    assert_eq!(node.view(&leaves.user, id).await, (Some(Copied::Right), Some(leaves.windows.clone())));
    // A late copy of the version before changes nothing.
    node.views.copy((id, Fanout::Members), &[&first.members[1]], 1).await.expect("written");
    assert_eq!(node.view(&leaves.user, id).await, (Some(Copied::Right), Some(leaves.windows)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_recognised_though_others_followed_it() {
    let Some(config) = prepared("a change that others followed").await else { return };
    let node = Node::open(&config).await;
    let first = founded(1);
    let id = first.group.id;
    assert!(node.groups.create(first.clone(), Box::new(|_| {})).await.expect("stored"));
    let row = node.table.find(id).await.expect("read").expect("a row");
    let next = Next::after(&row, 1);
    let update = after(first.group, Vec::new());
    assert_eq!(node.table.change(&next, &update, &[]).await.expect("answered"), Applied::Yes);
    assert_eq!(node.table.change(&next, &update, &[]).await.expect("answered"), Applied::No);
    for _ in 0..16 {
        node.groups.change(id, Vec::new(), appends(), Box::new(|_| {})).await.expect("stored");
    }
    let row = node.table.agreed(id).await.expect("read").expect("a row");
    assert!(row.has_taken(next.op_id) && !row.has_taken(Uuid::new_v4()));
}
