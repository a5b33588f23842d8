//! Registering the users, creating the groups, and the joins and quits between the acts.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::plan::{Kind, Member, Plan, Room};
use super::trial::Trial;
use crate::api;
use crate::bench::{Bench, Newcomer, enrol};
use crate::dice::Dice;
use crate::http::Http;
use crate::options::Options;

const ANDROID: u8 = 2;
const WEB: u8 = 5;

/// The fewest members of a group.
const SMALLEST_GROUP: usize = 5;

/// Users who also write to themselves.
const TO_THEMSELVES: usize = 3;

/// Registers everyone, creates the groups, and writes the plan.
pub(super) async fn plan(bench: &mut Bench, options: &Options) -> Result<Plan> {
    let users = options.count("users")?;
    ensure!(users >= 10, "--users must be at least 10");
    let mut dice = Dice::new(options.number("seed")?);
    let tag = bench.fresh_tag();
    let members = enrol_members(bench, &tag, users, options.number("online")?).await?;
    let mut http = Http::connect(bench.server.nodes.at(0)).await?;
    let mut rooms = Vec::new();
    for index in 0..options.count("groups")? {
        rooms.push(create_group(&mut http, &members, index, &mut dice).await?);
    }
    let most = users * (users - 1) / 2;
    let mut pairs: BTreeSet<(usize, usize)> = (0..TO_THEMSELVES).map(|who| (who, who)).collect();
    while pairs.len() < options.count("pairs")?.min(most) {
        let (a, b) = (dice.below(users), dice.below(users));
        if a != b {
            pairs.insert((a.min(b), a.max(b)));
        }
    }
    rooms.extend(pairs.into_iter().map(|(a, b)| Room::pair(&members, a, b)));
    let sizes = [options.count("messages")?, options.number("repeats")?];
    Plan::write(tag, members, rooms, sizes, &mut dice)
}

async fn enrol_members(bench: &Bench, tag: &str, users: usize, online: usize) -> Result<Vec<Member>> {
    let newcomer = |index: usize| {
        let phone = index * online % 100 + online >= 100;
        Newcomer { id: format!("{tag}-u{index}"), platforms: if phone { vec![WEB, ANDROID] } else { vec![WEB] } }
    };
    let enrolled = enrol(&bench.server, (0..users).map(newcomer).collect()).await?;
    let member = |new: crate::bench::Enrolled| Member {
        web: Arc::clone(&new.tokens[0]),
        phone: new.tokens.get(1).cloned(),
        id: new.id,
    };
    Ok(enrolled.into_iter().map(member).collect())
}

async fn create_group(http: &mut Http, members: &[Member], index: usize, dice: &mut Dice) -> Result<Room> {
    #[derive(Deserialize)]
    struct Created {
        id: String,
    }
    let mut who: Vec<usize> = (0..members.len()).collect();
    dice.shuffle(&mut who);
    let size = dice.between(SMALLEST_GROUP as u64, (members.len() / 2) as u64) as usize;
    let joiner = who.get(size).copied();
    who.truncate(size);
    let ids: Vec<&str> = who[1..].iter().map(|who| &*members[*who].id).collect();
    let body = json!({
        "name": format!("Group {index} · 群组 · مجموعة"),
        "introduction": "made by nexo-bench verify",
        "member_ids": ids,
    });
    let token = &members[who[0]].web;
    let answer = http.post("/group/create", token, body.to_string().as_bytes()).await?;
    let created: Created = api::data(&answer).context("creating a group")?;
    Ok(Room::group(created.id, &who, joiner))
}

/// Between the acts: in each group one joins and one leaves.
pub(super) async fn turn(trial: &Trial, address: SocketAddr) -> Result<()> {
    let mut http = Http::connect(address).await?;
    let members = &trial.plan.members;
    for room in &trial.plan.rooms {
        let Kind::Group(id) = &room.kind else {
            continue;
        };
        let body = json!({ "group_id": id }).to_string();
        for (path, who) in [("/group/join", room.joiner), ("/group/quit", room.quitter)] {
            let Some(who) = who else { continue };
            let answer = http.post(path, &members[who].web, body.as_bytes()).await?;
            api::data::<IgnoredAny>(&answer).with_context(|| format!("{path} {id}"))?;
        }
    }
    Ok(())
}
