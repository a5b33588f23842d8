//! A send below the doors: the rule, the writer's batch, its sync, the hook.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use futures_util::future::join_all;

use crate::scene::Scene;

pub(crate) fn measure(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("append with a sync, senders at once");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(5)).sample_size(20);
    for senders in [1, 64] {
        let scene = Scene::new();
        let people = runtime.block_on(join_all((0..senders * 2).map(|number| {
            let scene = &scene;
            async move { scene.person(&format!("p{number}")).await }
        })));
        let mut sent = 0;
        group.bench_function(BenchmarkId::from_parameter(senders), |bench| {
            bench.iter_custom(|times| {
                let each = times.div_ceil(senders);
                let begun = Instant::now();
                runtime.block_on(join_all(people.chunks(2).map(|pair| {
                    let scene = &scene;
                    async move {
                        for number in 0..each {
                            scene.send(&pair[0], &pair[1].user, sent + number).await;
                        }
                    }
                })));
                sent += each;
                // As many as were asked for, though some more were made.
                begun.elapsed().mul_f64(times as f64 / (each * senders) as f64)
            });
        });
    }
    group.finish();
}
