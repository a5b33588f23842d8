//! Settings and folders on which a server does not start: a sentence that says what and where, and exit code 1.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::damage::{End, Snapshot, Stopped, sentence};
use super::run;
use crate::support::*;

/// The sentence of a start that must be refused.
async fn refusal(launch: &Launch) -> String {
    sentence(launch).await.unwrap_or_else(|fault| panic!("{fault}"))
}

/// A launch with this configuration file beside its data folder.
fn with_file(name: &str, text: &str) -> Launch {
    let launch = Launch::new();
    let path = launch.data().with_file_name(name);
    fs::write(&path, text).expect("the configuration file");
    let script = format!("exec \"$0\" \"$@\" --config {}", path.display());
    launch.through(&["sh", "-c", &script])
}

#[test]
fn a_configuration_that_cannot_work_is_refused_and_no_folder_is_made() {
    run(async {
        let cases = [
            ("[server\nlisten = 1", vec!["bad.toml"]),
            ("\u{0}\u{1}", vec!["bad.toml"]),
            ("[server]\nmax_connections = \"many\"", vec!["server.max_connections"]),
            ("[auth]\nuniform_login_errors = 1", vec!["auth.uniform_login_errors"]),
            ("[server]\nport = 80", vec!["port"]),
            ("[sever]\nlisten = \"127.0.0.1:0\"", vec!["sever"]),
            ("[store]\nmode = \"cloud\"", vec!["mode", "embedded"]),
            ("[auth]\nsecret = \"short\"", vec!["auth.secret", "32"]),
            ("[ws]\nheartbeat_ms = 50000\nsilence_ms = 50000", vec!["ws.silence_ms", "ws.heartbeat_ms"]),
            ("[ws]\nlog_entries = 0", vec!["ws.log_entries"]),
            ("[ws]\nlog_entries = -1", vec!["log_entries"]),
        ];
        for (text, words) in cases {
            let launch = with_file("bad.toml", text);
            let said = refusal(&launch).await;
            assert!(words.iter().all(|word| said.contains(word)), "{said:?} does not say {words:?} of {text:?}");
            assert!(!launch.data().exists(), "a data folder was made");
        }
    });
}

#[test]
fn a_configuration_file_that_is_not_there_is_named() {
    run(async {
        let said = refusal(&Launch::new().through(&["sh", "-c", "exec \"$0\" \"$@\" --config missing.toml"])).await;
        assert!(said.contains("missing.toml"), "{said}");
    });
}

#[test]
fn an_unknown_key_in_the_environment_is_named() {
    run(async {
        for (section, field) in [("server", "port"), ("sever", "listen")] {
            let launch = Launch::new().set(section, field, "1");
            let said = refusal(&launch).await;
            let key = if section == "server" { field } else { section };
            assert!(said.to_lowercase().contains(key), "{said}");
            assert!(!launch.data().exists(), "a data folder was made");
        }
    });
}

#[test]
fn a_second_process_on_a_folder_is_refused_and_the_first_serves_on() {
    run(async {
        let launch = Launch::new();
        let mut world = World::of(vec![launch.start().await]);
        let [ann, bob] = world.people().await;
        ann.send(&bob, "before").await;
        let before = Snapshot::of(&launch.data());
        let said = refusal(&launch).await;
        let pid = world.servers()[0].pid().to_string();
        for word in ["another nexo", &pid, &launch.data().display().to_string()] {
            assert!(said.contains(word), "{said:?} does not say {word:?}");
        }
        assert!(before.changes(&Snapshot::of(&launch.data())).is_empty());
        ann.send(&bob, "after").await;
        world.restart().await;
        assert_eq!(seqs(&bob.pull(&pair(&ann, &bob)).await), [1, 2]);
    });
}

#[test]
fn a_folder_of_a_newer_release_is_refused() {
    run(async {
        let stopped = Stopped::after(20, 100, End::Softly).await;
        let store = stopped.launch.data().join("store");
        {
            let database = fjall::Database::builder(&store).open().expect("the store");
            let meta = database.keyspace("meta", fjall::KeyspaceCreateOptions::default).expect("the table");
            let commit = meta.get("\0commit").expect("read").expect("the number of the last commit");
            let commit = u64::from_be_bytes(commit.as_ref().try_into().expect("eight bytes"));
            let mut batch = database.batch().durability(Some(fjall::PersistMode::SyncAll));
            batch.insert(&meta, "schema", 2u64.to_be_bytes());
            batch.insert(&meta, "\0commit", (commit + 1).to_be_bytes());
            batch.commit().expect("written");
        }
        stopped.refused(&["schema 2", &store.display().to_string()]).await;
    });
}

/// Runs as a user for whom permissions count: root's do not unless it gives that up.
fn bound_by_permissions(launch: Launch) -> Launch {
    match rustix::process::geteuid().is_root() {
        true => launch.through(&["setpriv", "--bounding-set=-dac_override,-dac_read_search"]),
        false => launch,
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode");
}

/// Takes the right to write from everything in a folder, and the folder itself; `false` gives it back.
fn set_read_only(folder: &Path, read_only: bool) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => set_read_only(&path, read_only),
            false => set_mode(&path, if read_only { 0o444 } else { 0o600 }),
        }
    }
    set_mode(folder, if read_only { 0o555 } else { 0o700 });
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    run(async {
        let mut stopped = Stopped::after(20, 100, End::Killed).await;
        stopped.launch = bound_by_permissions(stopped.launch);
        let data = stopped.launch.data();
        let named = data.display().to_string();
        set_read_only(&data, true);
        stopped.refused(&[&named]).await;
        set_read_only(&data, false);
        set_read_only(&data.join("store"), true);
        stopped.refused(&[&named]).await;
        set_read_only(&data.join("store"), false);
        for name in ["lock", "commit-mark"] {
            set_mode(&data.join(name), 0o444);
            stopped.refused(&[&named, name]).await;
            set_mode(&data.join(name), 0o600);
        }
        stopped.restored().await;
    });
}

#[test]
fn a_new_folder_where_nobody_may_write_is_refused() {
    run(async {
        let launch = bound_by_permissions(Launch::new());
        fs::create_dir(launch.data()).expect("a folder");
        set_mode(&launch.data(), 0o555);
        let said = refusal(&launch).await;
        assert!(said.contains(&launch.data().display().to_string()), "{said}");
        assert_eq!(fs::read_dir(launch.data()).expect("readable").count(), 0);
    });
}

#[test]
fn a_folder_that_cannot_be_made_is_refused() {
    run(async {
        let launch = Launch::new();
        fs::write(launch.data(), "a file where the folder should be").expect("written");
        let said = refusal(&launch).await;
        assert!(said.contains(&launch.data().display().to_string()), "{said}");
        assert_eq!(fs::read_to_string(launch.data()).expect("readable"), "a file where the folder should be");
    });
}

#[test]
fn an_address_that_is_taken_is_refused_and_said() {
    run(async {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("its address").to_string();
        let script = format!("exec \"$0\" \"$@\" --listen {address}");
        let said = refusal(&Launch::new().through(&["sh", "-c", &script])).await;
        assert!(said.contains(&address), "{said}");
    });
}
