//! Random lives of one group against a plain model: who sees which seqs, what is unread, how many are in.

use nexo::error::{Code, Result};
use nexo::model::{Caller, GroupId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

use super::contract;
use super::house::House;
use super::store::Store;

/// How many users there are; the first one owns the group.
const USERS: usize = 4;

#[derive(Debug, Clone, Copy)]
enum Step {
    Join(usize),
    Quit(usize),
    /// The owner kicks this one.
    Kick(usize),
    Send(usize),
    MarkRead(usize, u64),
}

fn a_step() -> impl Strategy<Value = Step> {
    let user = 0..USERS;
    prop_oneof![
        2 => user.clone().prop_map(Step::Join),
        2 => user.clone().prop_map(Step::Quit),
        1 => user.clone().prop_map(Step::Kick),
        5 => user.clone().prop_map(Step::Send),
        2 => (user, 0u64..30).prop_map(|(user, seq)| Step::MarkRead(user, seq)),
    ]
}

/// What one user knows in the model.
#[derive(Debug, Clone, Default)]
struct View {
    is_in: bool,
    was_in: bool,
    sees: Vec<u64>,
    read_seq: u64,
}

impl View {
    fn max_seq(&self) -> u64 {
        self.sees.last().copied().unwrap_or(0)
    }

    fn unread(&self) -> u64 {
        self.sees.iter().filter(|&&seq| seq > self.read_seq).count() as u64
    }
}

/// The whole group in the model.
#[derive(Debug, Default)]
struct Model {
    top: u64,
    views: [View; USERS],
}

impl Model {
    /// A group of the owner and one more.
    fn new() -> Model {
        let mut model = Model::default();
        for view in &mut model.views[..2] {
            (view.is_in, view.was_in) = (true, true);
        }
        model
    }

    fn step(&mut self, step: Step) -> Result<(), Code> {
        match step {
            Step::Join(user) => match self.views[user].is_in {
                true => return Err(Code::AlreadyGroupMember),
                false => (self.views[user].is_in, self.views[user].was_in) = (true, true),
            },
            Step::Quit(0) | Step::Kick(0) => return Err(Code::OwnerStays),
            Step::Quit(user) | Step::Kick(user) => match self.views[user].is_in {
                true => self.views[user].is_in = false,
                false => return Err(Code::NotGroupMember),
            },
            Step::Send(user) if !self.views[user].was_in => return Err(Code::NotGroupMember),
            Step::Send(user) if !self.views[user].is_in => return Err(Code::MemberStatus),
            Step::Send(user) => {
                self.top += 1;
                self.views.iter_mut().filter(|view| view.is_in).for_each(|view| view.sees.push(self.top));
                self.views[user].read_seq = self.top;
            }
            Step::MarkRead(user, _) if !self.views[user].was_in => return Err(Code::NoPermission),
            Step::MarkRead(user, seq) => {
                let view = &mut self.views[user];
                view.read_seq = view.read_seq.max(seq.min(view.max_seq()));
            }
        }
        Ok(())
    }
}

/// The group in the store.
struct Real<'a> {
    house: &'a House,
    people: Vec<Caller>,
    group: GroupId,
}

impl Real<'_> {
    async fn new(house: &House) -> Real<'_> {
        let mut people = Vec::new();
        for _ in 0..USERS {
            people.push(house.person("one").await);
        }
        let group = house.group(&people[0], &[&people[1]]).await;
        Real { house, people, group }
    }

    async fn step(&self, step: Step) -> Result<(), Code> {
        let (house, id) = (self.house, self.group.to_string());
        let done = match step {
            Step::Join(user) => house.groups.join(&self.people[user], &id, None).await,
            Step::Quit(user) => house.groups.quit(&self.people[user], &id).await,
            Step::Kick(user) => house.groups.kick(&self.people[0], &id, self.people[user].user.as_str()).await,
            Step::Send(user) => house.send_in(&self.people[user], self.group, "a word").await.map(drop),
            Step::MarkRead(user, seq) => {
                let seq = i64::try_from(seq).expect("a seq");
                house.conversations.mark_read(&self.people[user], &format!("sg_{id}"), seq).await
            }
        };
        done.map_err(|error| error.code())
    }

    /// Compares everything that anybody can see.
    async fn compare(&self, model: &Model, last: Step) -> TestCaseResult {
        let conversation = format!("sg_{}", self.group);
        let count = model.views.iter().filter(|view| view.is_in).count() as u64;
        for (caller, view) in self.people.iter().zip(&model.views) {
            let (group, role) = self.house.groups.info(caller, &self.group.to_string()).await.expect("a group");
            prop_assert_eq!(group.member_count, count, "members after {:?}", last);
            prop_assert_eq!(role.is_some(), view.is_in, "roles after {:?}", last);
            if !view.was_in {
                let refused = self.house.conversations.info(caller, &conversation).await.map_err(|error| error.code());
                prop_assert_eq!(refused.err(), Some(Code::NoPermission));
                continue;
            }
            let (seqs, max_seq) = self.house.pull(caller, &conversation, 0).await;
            prop_assert_eq!(&seqs, &view.sees, "seen after {:?}", last);
            prop_assert_eq!(max_seq, view.max_seq());
            let state = self.house.conversations.info(caller, &conversation).await.expect("a conversation");
            let shown = (state.max_seq(), state.unread(), state.read_seq());
            prop_assert_eq!(shown, (view.max_seq(), view.unread(), view.read_seq), "counts after {:?}", last);
        }
        Ok(())
    }
}

async fn live(house: &House, steps: &[Step]) -> TestCaseResult {
    let (mut model, real) = (Model::new(), Real::new(house).await);
    for &step in steps {
        let (expected, got) = (model.step(step), real.step(step).await);
        prop_assert_eq!(expected, got, "the answer to {:?}", step);
        real.compare(&model, step).await?;
    }
    let all = real.house.groups.members(&real.people[0], &real.group.to_string(), 0, None).await.expect("the members");
    let mut members: Vec<_> = all.members.into_iter().map(|member| member.user).collect();
    members.sort();
    let people = real.people.iter().zip(&model.views).filter(|(_, view)| view.is_in);
    let mut expected: Vec<_> = people.map(|(caller, _)| caller.user.clone()).collect();
    expected.sort();
    prop_assert_eq!(members, expected);
    Ok(())
}

contract! {
    async fn whatever_happens_in_a_group_seqs_windows_and_counts_are_those_of_the_model(store: Store) {
        let house = House::on(&store);
        let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
        let runtime = tokio::runtime::Handle::current();
        let steps = prop::collection::vec(a_step(), 1..40);
        // proptest knows nothing of tasks, so each case is awaited in place.
        let outcome = tokio::task::block_in_place(|| {
            TestRunner::new(config).run(&steps, |steps| runtime.block_on(live(&house, &steps)))
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
    }
}
