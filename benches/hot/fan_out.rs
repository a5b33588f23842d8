//! From "stored" into the queues of all members, and out of them again.

use criterion::{BenchmarkId, Criterion, Throughput};
use nexo::model::{ConversationId, Message, Platform, Stored};
use nexo::push::Taken;

use crate::scene::{Scene, message};

pub(crate) fn measure(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("fan-out to members");
    for members in [10, 1_000] {
        let scene = Scene::new();
        let (id, connections) = runtime.block_on(async {
            let owner = scene.person("owner").await;
            let (mut people, mut connections) = (Vec::new(), Vec::new());
            for number in 0..members {
                people.push(scene.person(&format!("m{number}")).await);
            }
            let id = scene.group(&owner, &people).await;
            for person in &people {
                connections.push(scene.connection(person).await);
            }
            (id, connections)
        });
        group.throughput(Throughput::Elements(members));
        let mut seq = 0;
        group.bench_function(BenchmarkId::from_parameter(members), |bench| {
            bench.iter(|| {
                seq += 1;
                let message = Message { conversation: ConversationId::Group(id), seq, ..message() };
                scene.bus.stored(&Stored { message: message.into(), logged: Vec::new() }, Platform::Web);
                for connection in &connections {
                    let Taken::Frames(frames) = connection.take() else { panic!("not told") };
                    frames.iter().for_each(|frame| connection.wrote(frame));
                }
            });
        });
    }
    group.finish();
}
