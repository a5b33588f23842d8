//! `verify`: the main job on real input. Users, groups and messages go in, everything is pulled back and compared.

mod content;
mod corpus;
mod device;
mod plan;
mod pushes;
mod readback;
mod rest;
mod setup;
mod trial;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use self::device::Seen;
use self::pushes::Order;
use self::readback::Reader;
use self::trial::{Act, Job, Trial};
use crate::bench::Bench;
use crate::options::{Command, Options, opt};
use crate::progress::{Progress, say};
use crate::report::Report;
use crate::server::Nodes;
use crate::wait::still_moving;

pub(crate) const COMMAND: Command = Command {
    name: "verify",
    about: "users, groups and messages of many scripts over both doors; everything pulled back and compared",
    options: &[
        opt("users", "60", "users, at least 10"),
        opt("groups", "12", "groups"),
        opt("pairs", "150", "1:1 conversations"),
        opt("messages", "100000", "messages"),
        opt("online", "50", "percent of the users with a socket open"),
        opt("repeats", "3", "percent of the messages that are sent twice"),
        opt("seed", "1", "another number gives other messages"),
    ],
};

/// No answer and no push for so long means that none will come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Members that read back at the same time.
const READERS: usize = 16;

/// The devices of those who are online.
struct Devices {
    jobs: Vec<Option<mpsc::Sender<VecDeque<Job>>>>,
    tasks: Vec<JoinHandle<Result<Seen>>>,
}

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    let nodes = bench.server.nodes.clone();
    let plan = setup::plan(bench, options).await?;
    let trial = Arc::new(Trial::new(plan, bench.server.is_cluster()));
    let mut report = Report::default();
    describe(&trial, &mut report);

    let mut devices = Devices::open(&trial, &nodes).await?;
    let cpu = bench.server.processes.cpu()?;
    let began = Instant::now();
    play(&trial, &nodes, &mut devices, Act::First).await?;
    setup::turn(&trial, nodes.at(0)).await?;
    play(&trial, &nodes, &mut devices, Act::Second).await?;
    let took = began.elapsed().as_secs_f64();
    let answers = trial.answers.load(Ordering::Relaxed) as f64;
    report.add("sends, repeats included", answers / took, "/s");
    let cost = bench.server.processes.cpu_since(cpu)?;
    for (name, cpu) in cost.named() {
        report.add(format!("{name} CPU each, pushes included"), cpu.as_secs_f64() * 1e6 / answers.max(1.0), "us");
    }

    let order = Arc::new(pushes::order(&trial));
    devices.close(&trial, &order, &mut report).await?;
    read_back(&trial, &order, &nodes, &mut report).await?;
    for check in trial.checks.all() {
        check.add_to(&mut report);
    }
    Ok(report)
}

fn describe(trial: &Trial, report: &mut Report) {
    let plan = &trial.plan;
    let bytes: usize = plan.messages.iter().map(|m| m.content.raw.len()).sum();
    let groups = plan.rooms.iter().filter(|room| room.joiner.is_some());
    report.add("users", plan.members.len() as f64, "");
    report.add("groups", groups.count() as f64, "");
    report.add("conversations", plan.rooms.len() as f64, "");
    report.add("messages", plan.messages.len() as f64, "");
    report.add("content", bytes as f64 / 1e6, "MB");
}

impl Devices {
    /// Opens them, and waits until the server knows of all.
    async fn open(trial: &Arc<Trial>, nodes: &Nodes) -> Result<Devices> {
        let mut devices = Devices { jobs: Vec::new(), tasks: Vec::new() };
        for (who, member) in trial.plan.members.iter().enumerate() {
            let online = member.phone.is_some().then(|| mpsc::channel(2));
            let (sender, receiver) = online.unzip();
            devices.jobs.push(sender);
            if let Some(jobs) = receiver {
                let device = device::run(Arc::clone(trial), nodes.at(who), who, jobs);
                devices.tasks.push(tokio::spawn(device));
            }
        }
        let greeted = || trial.greeted.load(Ordering::Relaxed);
        let online = devices.tasks.len() as u64;
        if !still_moving(PATIENCE, greeted, |greeted| greeted == online).await {
            let failure = devices.first_failure().await;
            return Err(failure.context("the server did not say hello to every device"));
        }
        Ok(devices)
    }

    /// Why a device stopped, if one did.
    async fn first_failure(&mut self) -> anyhow::Error {
        for task in &mut self.tasks {
            if task.is_finished() {
                match task.await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return error,
                    Err(error) => return error.into(),
                }
            }
        }
        anyhow!("no device has failed")
    }

    /// Ends the devices once they have all that was pushed, and compares what they saw.
    async fn close(self, trial: &Arc<Trial>, order: &Order, report: &mut Report) -> Result<()> {
        drop(self.jobs);
        let (mut pushes, mut reconnects, mut not_whole) = (0, 0, 0);
        for task in self.tasks {
            let seen = task.await??;
            pushes += seen.pushes.len();
            reconnects += seen.reconnects;
            not_whole += seen.excused.len();
            self::pushes::compare(trial, order, &seen);
        }
        report.add("pushes received", pushes as f64, "");
        report.add("devices closed as too slow", reconnects as f64, "");
        report.add("conversations not recovered whole", not_whole as f64, "");
        Ok(())
    }
}

/// Sends the messages of an act over both ways, and waits until they are acked and pushed.
async fn play(trial: &Arc<Trial>, nodes: &Nodes, devices: &mut Devices, act: Act) -> Result<()> {
    let total = trial.plan.messages.len() as u64;
    let progress = Progress::start_with("sending", total, Arc::clone(&trial.answers));
    for (who, jobs) in devices.jobs.iter().enumerate() {
        let Some(jobs) = jobs else { continue };
        let act = trial.jobs(who, act, true);
        let again = act.iter().filter(|job| trial.next_job(**job).is_some());
        let count = act.len() + again.count();
        trial.left.fetch_add(count as u64, Ordering::Relaxed);
        // A device that has ended says why in its result, which is looked at below.
        jobs.send(act).await.ok();
    }
    let mut senders = JoinSet::new();
    for who in 0..trial.plan.members.len() {
        let jobs = trial.jobs(who, act, false);
        senders.spawn(rest::send_all(Arc::clone(trial), nodes.at(who), who, jobs));
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    let left = || trial.left.load(Ordering::Relaxed);
    if !still_moving(PATIENCE, left, |left| left == 0).await {
        let stopped = devices.first_failure().await;
        return Err(stopped.context(format!("{} sends over WebSocket were not answered", left())));
    }
    drop(progress);
    wait_for_pushes(trial, act).await;
    Ok(())
}

/// Waits until each device has what it is due so far. What never comes is counted at the end.
async fn wait_for_pushes(trial: &Trial, act: Act) {
    let end = match act {
        Act::First => trial.plan.first_act,
        Act::Second => trial.plan.messages.len(),
    };
    let online = trial.plan.members.iter().enumerate();
    let online = online.filter(|(_, member)| member.phone.is_some());
    let due: Vec<(usize, u64)> = online.map(|(who, _)| (who, pushes::due_at_least(trial, who, 0..end))).collect();
    let missing = || {
        let missing = due.iter().map(|(who, due)| {
            let heard = trial.heard[*who].load(Ordering::Relaxed);
            due.saturating_sub(heard)
        });
        missing.sum::<u64>()
    };
    if !still_moving(PATIENCE, missing, |missing| missing == 0).await {
        say("some pushes have not come; they are counted at the end");
    }
}

/// Pulls everything back as every participant.
async fn read_back(trial: &Arc<Trial>, order: &Arc<Order>, nodes: &Nodes, report: &mut Report) -> Result<()> {
    let began = Instant::now();
    let progress = Progress::start("pulling back", None);
    let next = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (trial, order, next, nodes) = (Arc::clone(trial), Arc::clone(order), Arc::clone(&next), nodes.clone());
        let pulled: Arc<AtomicU64> = progress.counter();
        readers.spawn(async move {
            loop {
                let who = next.fetch_add(1, Ordering::Relaxed);
                if who >= trial.plan.members.len() {
                    return anyhow::Ok(());
                }
                let seat = (who, Arc::clone(&pulled));
                Reader::open(&trial, &order, nodes.at(who), seat).await?.run().await?;
            }
        });
    }
    while let Some(reader) = readers.join_next().await {
        reader??;
    }
    let pulled = progress.counter().load(Ordering::Relaxed) as f64;
    let seconds = began.elapsed().as_secs_f64();
    report.add("messages pulled and compared", pulled / seconds, "/s");
    Ok(())
}
