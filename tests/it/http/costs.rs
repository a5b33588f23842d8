//! What a send costs a cluster: commands and statements, counted by the servers that send them.

use std::time::Instant;

use crate::support::*;

/// How many sends are counted. The extras (a block of seqs now and then, the fence once a second, the routes of those who are
/// online) are shared by them.
const SENDS: u64 = 300;

/// The sum of a counter over all servers.
async fn count(world: &World, name: &str) -> u64 {
    let metrics = world.metrics().await;
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    lines.map(|number| number.parse::<u64>().expect("a count")).sum()
}

#[test]
fn a_send_between_two_costs_at_most_7_redis_commands_and_5_cql_statements() {
    run(Mode::Cluster, &[("limits", "enabled", "true")], async |world: World| {
        let [ann, bob] = world.people().await;
        let (mut phone, mut desk) = (ann.on(1).await.socket().await, bob.socket().await);
        // The limits are on, and cost nothing. The first ones bring the conversation into being, and small blocks of seqs.
        for _ in 0..SENDS {
            ann.send(&bob, "first").await;
        }
        let before = (count(&world, "nexo_redis_commands_total").await, count(&world, "nexo_cql_statements_total").await);
        let (mut last, begun) = (None, Instant::now());
        for _ in 0..SENDS {
            last = Some(ann.send(&bob, "counted").await);
        }
        let last = last.expect("a message");
        phone.until(|frame| frame["seq"] == last["seq"]).await;
        desk.until(|frame| frame["seq"] == last["seq"]).await;
        let redis = count(&world, "nexo_redis_commands_total").await - before.0;
        let cql = count(&world, "nexo_cql_statements_total").await - before.1;
        // The fence of the conversation is read again by each of three servers each second; a copy of the session and the routes
        // are renewed now and then; a block of 1,024 seqs takes three commands and statements.
        let extras = 2 * 3 * (begun.elapsed().as_secs() + 1) + 6;
        println!("{SENDS} sends, up to {extras} extras: {redis} Redis commands, {cql} CQL statements");
        assert!(redis <= SENDS * 7 + extras, "{redis} Redis commands for {SENDS} sends");
        assert!(cql <= SENDS * 5 + extras, "{cql} CQL statements for {SENDS} sends");
    });
}

#[test]
fn a_list_costs_a_redis_command_for_each_conversation_and_3_cql_statements() {
    run(Mode::Cluster, &[], async |world: World| {
        const CONVERSATIONS: u64 = 60;
        let [ann] = world.people().await;
        for _ in 0..CONVERSATIONS {
            let group = ann.group(&[]).await;
            ann.send_group(&group, "hello").await.ok();
        }
        let before = (count(&world, "nexo_redis_commands_total").await, count(&world, "nexo_cql_statements_total").await);
        let begun = Instant::now();
        let list = ann.get("/conversation/list").await.ok();
        let redis = count(&world, "nexo_redis_commands_total").await - before.0;
        let cql = count(&world, "nexo_cql_statements_total").await - before.1;
        assert_eq!(list.as_array().expect("a list").len() as u64, CONVERSATIONS);
        // Each of three servers says once a second that it is there. The other command, and a third statement at times, are for the token.
        let extras = 3 * (begun.elapsed().as_secs() + 1) + 1;
        println!("a list of {CONVERSATIONS}, up to {extras} extras: {redis} Redis commands, {cql} CQL statements");
        assert!(redis <= CONVERSATIONS + extras, "{redis} Redis commands");
        assert!(cql <= 3, "{cql} CQL statements");
    });
}
