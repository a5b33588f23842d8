//! The server killed with -9 in the middle of concurrent sends.

use std::time::Duration;

use super::ledger::Ledger;
use crate::support::*;

/// Starts a server and kills it so long after that, whether it serves by then or not.
async fn start_and_kill(launch: &Launch, after: Duration) {
    // A start that is dropped kills what it has started, as a server that is dropped is killed.
    if let Ok(Err((code, log))) = tokio::time::timeout(after, launch.try_start()).await {
        panic!("the server ended with {code:?}:\n{log}");
    }
}

alone! {
    async fn killed_20_times_while_sending_every_acked_message_is_there_once(world: World) {
        let mut world = world;
        let ledger = Ledger::new(&world).await;
        for round in 0..20 {
            // Killed after other numbers of acks each time, so at other moments of a batch.
            let goal = ledger.acks() + 20 + round * 7;
            let kill = async {
                eventually("enough acks", async || (ledger.acks() >= goal).then_some(())).await;
                world.servers()[0].kill9();
            };
            tokio::join!(kill, ledger.write_until_refused(12));
            // A start that fails fails the test: nothing is ever repaired by hand.
            world.restart().await;
            ledger.check().await;
            ledger.repeat(10).await;
            ledger.retry().await;
        }
        ledger.check().await;
        assert!(ledger.acks() > 1_000, "only {} acks", ledger.acks());
    }

    async fn killed_while_it_starts_it_loses_nothing(world: World) {
        let mut world = world;
        let ledger = Ledger::new(&world).await;
        let kill = async {
            eventually("enough acks", async || (ledger.acks() >= 300).then_some(())).await;
            world.servers()[0].kill9();
        };
        tokio::join!(kill, ledger.write_until_refused(12));
        let launch = world.servers()[0].launch().clone();
        for after_ms in [2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 100, 120, 150, 200] {
            start_and_kill(&launch, Duration::from_millis(after_ms)).await;
        }
        world.restart().await;
        ledger.check().await;
        ledger.retry().await;
        ledger.check().await;
    }
}
