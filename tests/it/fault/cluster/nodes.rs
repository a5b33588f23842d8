//! Nodes that are killed and paused; their clients go to others.

use std::time::Duration;

use rustix::process::Signal;

use super::run;
use super::scene::Scene;
use super::talk::Talk;

#[test]
fn a_node_is_killed_in_the_middle_of_sends_which_are_tried_again_on_others() {
    run(async {
        let Some(mut scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            for node in 0..3 {
                scene.world.servers()[node].kill9();
                talk.go_on(3).await;
                scene.world.restart_one(node).await;
            }
            talk.back().await;
        })
        .await;
    });
}

#[test]
fn a_node_that_was_paused_for_longer_than_deadline_and_lease_does_no_harm() {
    run(async {
        let Some(mut scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            scene.world.servers()[0].signal(Signal::STOP);
            tokio::time::sleep(Duration::from_secs(20)).await;
            scene.world.servers()[0].signal(Signal::CONT);
            talk.back().await;
        })
        .await;
    });
}
