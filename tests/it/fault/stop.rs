//! SIGTERM in the middle of sends.

use std::time::Duration;

use super::ledger::Ledger;
use crate::support::*;

alone! {
    async fn told_to_stop_while_sending_it_loses_nothing_and_ends_with_0(world: World) {
        let mut world = world;
        let ledger = Ledger::new(&world).await;
        for round in 0..3 {
            let goal = ledger.acks() + 100 + round * 50;
            let stop = async {
                eventually("enough acks", async || (ledger.acks() >= goal).then_some(())).await;
                world.servers()[0].terminate();
                world.servers()[0].wait_exit().await
            };
            let (status, ()) = tokio::join!(stop, ledger.write_until_refused(12));
            assert_eq!(status.code(), Some(0));
            world.restart().await;
            ledger.check().await;
            ledger.retry().await;
        }
        ledger.check().await;
    }

    // Long enough that nothing but the second signal can be what ends it.
    with(server.drain_pause_ms = "100000")
    async fn a_second_signal_ends_it_at_once_and_loses_nothing(world: World) {
        let mut world = world;
        let ledger = Ledger::new(&world).await;
        let visitor = world.visitor().clone();
        let stop = async {
            eventually("enough acks", async || (ledger.acks() >= 50).then_some(())).await;
            world.servers()[0].terminate();
            eventually("not ready", async || (visitor.get("/ready").await.status == 503).then_some(())).await;
            // It serves on for now: a balancer has to notice first.
            let goal = ledger.acks() + 50;
            eventually("more acks", async || (ledger.acks() >= goal).then_some(())).await;
            world.servers()[0].terminate();
            tokio::time::timeout(Duration::from_secs(5), world.servers()[0].wait_exit()).await
        };
        let (ended, ()) = tokio::join!(stop, ledger.write_until_refused(12));
        assert!(ended.is_ok(), "it goes on after the second signal");
        world.restart().await;
        ledger.check().await;
        ledger.retry().await;
        ledger.check().await;
    }
}
