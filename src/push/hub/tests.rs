//! The hub against a store that answers late.

use std::collections::VecDeque;

use super::*;
use crate::clock::ManualClock;
use crate::model::{
    ConversationState, Fanout, Group, GroupChange, GroupFields, GroupId, GroupStatus, Member, MemberStatus, MsgType, Role,
    Settings, Windows,
};
use crate::push::fixtures::{LIMITS, by};
use crate::push::{Frame, Line, Taken, Wrote};
use crate::store::{OnCommit, Subscription};
use tokio::sync::{Semaphore, mpsc};

/// Conversations as they were when somebody began to read them, told only when the test lets it.
struct Slow {
    subscriptions: Vec<Subscription>,
    asked: Semaphore,
    told: Semaphore,
}

#[async_trait]
impl Conversations for Slow {
    async fn list(&self, _: &UserId) -> Result<Vec<ConversationState>, StoreError> {
        Ok(Vec::new())
    }

    async fn find(&self, _: &UserId, _: &ConversationId) -> Result<Option<ConversationState>, StoreError> {
        Ok(None)
    }

    async fn subscriptions(&self, _: &UserId) -> Result<Vec<Subscription>, StoreError> {
        self.asked.add_permits(1);
        self.told.acquire().await.expect("open").forget();
        Ok(self.subscriptions.clone())
    }

    async fn update(
        &self,
        _: &UserId,
        _: &ConversationId,
        _: Settings,
        _: OnCommit<Conversation>,
    ) -> Result<Option<()>, StoreError> {
        Ok(None)
    }

    async fn mark_read(
        &self,
        _: &UserId,
        _: &ConversationId,
        _: u64,
        _: OnCommit<Conversation>,
    ) -> Result<Option<()>, StoreError> {
        Ok(None)
    }
}

const GROUP: u64 = 7;

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("valid")
}

fn quit_of(name: &str, windows: Windows) -> GroupUpdate {
    let id = GroupId::from_number(GROUP);
    let group = Group {
        id,
        fanout: Fanout::default(),
        fields: GroupFields::default(),
        status: GroupStatus::Normal,
        creator: user("owner"),
        owner: user("owner"),
        member_count: 1,
        next_member_id: 3,
        created_at_ms: 0,
        updated_at_ms: 0,
    };
    let member = Member {
        id: 2,
        user: user(name),
        nickname: String::new(),
        role: Role::Member,
        status: MemberStatus::Quit,
        joined_at_ms: 0,
        inviter: None,
        windows,
    };
    let change = GroupChange { group: id, change: "quit".into(), operator: user(name), users: vec![user(name)] };
    GroupUpdate { group, members: vec![member], change }
}

fn message(conversation: ConversationId, seq: u64) -> Stored {
    let message = Message {
        conversation,
        seq,
        client_msg_id: "id".into(),
        sender: user("owner"),
        msg_type: MsgType::Text,
        content: "{}".into(),
        send_at_ms: 0,
    };
    Stored { message: Arc::new(message), logged: Vec::new() }
}

fn hub(store: &Arc<Slow>) -> Arc<Hub> {
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    Arc::new(Hub::new(LIMITS, store.clone(), Arc::new(ManualClock::at(0)), metrics))
}

#[tokio::test]
async fn what_changes_while_a_user_comes_online_is_not_undone() {
    let group = ConversationId::Group(GroupId::from_number(GROUP));
    let muted = ConversationId::single(&user("ann"), &user("owner"));
    let store = Arc::new(Slow {
        subscriptions: vec![
            Subscription { conversation: group.clone(), windows: Windows::whole(), muted: false, by_node: None },
            Subscription { conversation: muted.clone(), windows: Windows::whole(), muted: true, by_node: None },
        ],
        asked: Semaphore::new(0),
        told: Semaphore::new(0),
    });
    let hub = hub(&store);
    let attaching = tokio::spawn({
        let hub = Arc::clone(&hub);
        async move { hub.attach(by("ann")).await }
    });
    store.asked.acquire().await.expect("open").forget();
    // The store's answer is on its way; meanwhile ann leaves the group at seq 1 and wants pushes of owner again.
    let mut left = Windows::whole();
    left.close(1);
    hub.group_changed(&quit_of("ann", left));
    let row = Conversation::new(muted.clone(), Windows::whole(), 0);
    hub.settings_changed(&user("ann"), &row);
    store.told.add_permits(1);
    let attached = attaching.await.expect("no panic").expect("the store answers").expect("room");
    hub.stored(&message(group, 2), Platform::Web);
    hub.stored(&message(muted.clone(), 1), Platform::Web);
    let Taken::Frames(frames) = attached.connection.take() else { panic!("ann is told of nothing") };
    let told: Vec<_> = frames.iter().map(|frame| frame.parcel.push().clone()).collect();
    assert!(matches!(&told[..], [Push::Message { message, .. }] if message.conversation == muted), "{told:?}");
}

/// A socket that takes everything, and says so.
#[derive(Debug)]
struct Taking(mpsc::UnboundedSender<usize>);

impl Line for Taking {
    fn write(&self, frames: &VecDeque<Frame>) -> Wrote {
        self.0.send(frames.len()).expect("the test listens");
        Wrote::All
    }

    fn end(&self) {}
}

#[tokio::test]
async fn a_crowd_is_told_past_the_tasks_of_its_connections() {
    const USERS: usize = 50;
    let group = ConversationId::Group(GroupId::from_number(GROUP));
    let store = Arc::new(Slow {
        subscriptions: vec![Subscription {
            conversation: group.clone(),
            windows: Windows::whole(),
            muted: false,
            by_node: None,
        }],
        asked: Semaphore::new(0),
        told: Semaphore::new(USERS),
    });
    let hub = hub(&store);
    let (taking, mut taken) = mpsc::unbounded_channel();
    let line = Arc::new(Taking(taking));
    for number in 0..USERS {
        let attached = hub.attach(by(&format!("u{number}"))).await.expect("the store answers").expect("room");
        attached.connection.set_line(&line);
        assert!(matches!(attached.connection.take(), Taken::Nothing));
    }
    // The store's writer is a thread of its own, and none of a runtime's.
    let stored = move || hub.stored(&message(group, 1), Platform::Web);
    std::thread::spawn(stored).join().expect("no panic");
    for _ in 0..USERS {
        assert_eq!(taken.recv().await, Some(1));
    }
}
