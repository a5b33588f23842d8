//! Redis loses what it had.

use super::run;
use super::scene::Scene;
use super::talk::Talk;

#[test]
fn after_flushall_all_goes_on_and_nothing_is_lost() {
    run(async {
        let Some(scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            scene.redis.command(&["FLUSHALL"]).await;
            talk.back().await;
        })
        .await;
    });
}

#[test]
fn after_redis_was_killed_and_restarted_empty_all_goes_on_and_nothing_is_lost() {
    run(async {
        let Some(mut scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            scene.redis.kill9();
            scene.redis.start_empty().await;
            talk.back().await;
        })
        .await;
    });
}

#[test]
fn after_redis_was_restarted_from_an_old_snapshot_no_seq_is_given_twice() {
    run(async {
        let Some(mut scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            scene.redis.save().await;
            talk.go_on(10).await;
            scene.redis.kill9();
            scene.redis.start_again().await;
            talk.back().await;
        })
        .await;
    });
}

#[test]
fn redis_is_silent_for_two_seconds_and_nothing_is_lost() {
    run(async {
        let Some(scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            scene.redis.pause();
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            scene.redis.resume();
            talk.back().await;
        })
        .await;
    });
}
