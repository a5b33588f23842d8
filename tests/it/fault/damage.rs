//! A data folder that was damaged: noticed, said, and left as it is.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use serde_json::Value;

use super::run;
use crate::support::*;

/// A file: its length, and its bytes without the zeros at its end, of which a journal has many.
#[derive(Clone, PartialEq, Eq)]
struct Bytes {
    length: u64,
    used: Vec<u8>,
}

impl Bytes {
    fn of(mut bytes: Vec<u8>) -> Bytes {
        let length = bytes.len() as u64;
        let used = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(used);
        Bytes { length, used: bytes }
    }

    /// The first `length` bytes.
    fn cut(&self, length: usize) -> Bytes {
        Bytes { length: length as u64, used: self.used[..length].to_vec() }
    }

    /// With one bit changed.
    fn flipped(&self, at: usize) -> Bytes {
        let mut other = self.clone();
        other.used[at] ^= 1 << (at % 8);
        other
    }

    fn write(&self, path: &Path) {
        let mut file = File::create(path).expect("a writable file");
        file.write_all(&self.used).expect("written");
        file.set_len(self.length).expect("as long as it was");
    }
}

/// All files below a data folder, and the folders.
pub(super) struct Snapshot {
    files: BTreeMap<PathBuf, Bytes>,
    folders: Vec<PathBuf>,
}

impl Snapshot {
    pub(super) fn of(folder: &Path) -> Snapshot {
        let (mut files, mut folders, mut next) = (BTreeMap::new(), vec![folder.to_owned()], 0);
        while let Some(folder) = folders.get(next).cloned() {
            next += 1;
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.clone(), Bytes::of(fs::read(&path).expect("a readable file")));
                }
            }
        }
        Snapshot { files, folders }
    }

    /// Puts everything back as it was.
    fn restore(&self) {
        fs::remove_dir_all(&self.folders[0]).expect("removed");
        for folder in &self.folders {
            fs::create_dir(folder).expect("a folder");
        }
        for (path, bytes) in &self.files {
            bytes.write(path);
        }
    }

    /// What is another than before, by name. The locks are left out: who took them last is in there.
    pub(super) fn changes(&self, after: &Snapshot) -> Vec<String> {
        let names = self.files.keys().chain(after.files.keys().filter(|path| !self.files.contains_key(*path)));
        let changed = names.filter(|path| self.files.get(*path) != after.files.get(*path) && !path.ends_with("lock"));
        changed.map(|path| path.display().to_string()).collect()
    }
}

/// A stopped server's folder, and all that it acked.
pub(super) struct Stopped {
    pub(super) launch: Launch,
    ids: [String; 2],
    acked: Vec<Value>,
    whole: Snapshot,
}

/// How a server ends.
#[derive(Clone, Copy)]
pub(super) enum End {
    Softly,
    Killed,
}

impl Stopped {
    /// A server that took `count` messages of so many bytes and ended.
    pub(super) async fn after(count: usize, bytes: usize, end: End) -> Stopped {
        Stopped::once(|_, sent| sent >= count, bytes, end).await
    }

    /// A server that took messages of so many bytes until `enough` (of its folder and their number), and ended.
    async fn once(enough: impl Fn(&Path, usize) -> bool, bytes: usize, end: End) -> Stopped {
        let launch = Launch::new().set("limits", "content_bytes", "65000").set("server", "body_limit_bytes", "70000");
        let mut world = World::of(vec![launch.start().await]);
        let [ann, bob] = world.people().await;
        let sent = Cell::new(0);
        let lanes = (0..16).map(async |_| {
            let mut acked = Vec::new();
            while !enough(&launch.data(), sent.get()) {
                let n = sent.replace(sent.get() + 1);
                // No two parts of it are the same, so that every byte counts.
                let words: String = (0..bytes / 8).map(|part| format!("{:08x}", part * 7_919 + n)).collect();
                acked.push(ann.send(&bob, &words).await);
            }
            acked
        });
        let mut acked: Vec<Value> = join_all(lanes).await.into_iter().flatten().collect();
        acked.sort_by_key(|message| int(message, "seq"));
        match end {
            End::Softly => {
                world.servers()[0].terminate();
                assert_eq!(world.servers()[0].wait_exit().await.code(), Some(0));
            }
            End::Killed => world.servers()[0].kill9(),
        }
        let whole = Snapshot::of(&launch.data());
        Stopped { launch, ids: [ann.id, bob.id], acked, whole }
    }

    /// The journals, the oldest first.
    fn journals(&self) -> Vec<(PathBuf, Bytes)> {
        let journals =
            self.whole.files.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "jnl"));
        let mut journals: Vec<_> = journals.map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
        let number = |path: &Path| path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        journals.sort_by_key(|(path, _)| number(path));
        journals
    }

    /// A file of the folder, as it was.
    fn file(&self, name: &str) -> (PathBuf, Bytes) {
        let path = self.launch.data().join(name);
        let bytes = self.whole.files[&path].clone();
        (path, bytes)
    }

    /// Starts a server on the folder as it is now; it must refuse, in one sentence with `words`, and change nothing.
    pub(super) async fn refused(&self, words: &[&str]) {
        self.refuses(words).await.unwrap_or_else(|fault| panic!("{fault}"));
    }

    /// Whether it refuses so. The folder is put back afterwards.
    async fn refuses(&self, words: &[&str]) -> Result<(), String> {
        let before = Snapshot::of(&self.launch.data());
        let said = sentence(&self.launch).await;
        let changes = before.changes(&Snapshot::of(&self.launch.data()));
        if !changes.is_empty() {
            self.whole.restore();
        }
        match said? {
            said if !changes.is_empty() => Err(format!("{said:?}, and yet these changed: {changes:?}")),
            said if words.iter().all(|word| said.contains(word)) => Ok(()),
            said => Err(format!("{said:?} does not say {words:?}")),
        }
    }

    /// Puts the folder back as it was, and finds everything that was acked.
    pub(super) async fn restored(&self) {
        self.whole.restore();
        let server = self.launch.start().await;
        self.is_whole(server).await.unwrap_or_else(|fault| panic!("{fault}"));
    }

    /// Whether a server has everything that was acked, for both users.
    async fn is_whole(&self, server: Server) -> Result<(), String> {
        let mut world = World::of(vec![server]);
        for id in &self.ids {
            let body = serde_json::json!({ "user_id": id, "password": "correct horse", "platform_id": 5 });
            let login = world.visitor().post("/auth/login", body).await;
            if login.code() != 0 {
                return Err(format!("{id} cannot log in: {login:?}"));
            }
            let person = Person::login(world.visitor(), id, 5).await;
            let mut pulled = person.pull(&format!("si_{}:{}", self.ids[0], self.ids[1])).await;
            for message in &mut pulled {
                message.as_object_mut().expect("a message").remove("content_text");
            }
            if pulled != self.acked {
                return Err(format!("{id} sees {} messages, {} were acked", pulled.len(), self.acked.len()));
            }
            // The first send of the folder is still known by its id.
            let again = person.client.with_token(&person.token);
            if *id == self.ids[0] {
                let first = &self.acked[0];
                let fields = ["client_msg_id", "recv_id", "session_type", "msg_type", "content"];
                let draft: serde_json::Map<String, Value> =
                    fields.iter().map(|&field| (field.to_owned(), first[field].clone())).collect();
                let repeat = again.post("/msg/send", Value::Object(draft)).await;
                if repeat.ok() != *first {
                    return Err(format!("a repeat of the first send answers {repeat:?}"));
                }
            }
        }
        world.servers()[0].kill9();
        Ok(())
    }
}

/// The one sentence with which a start is refused. Everything else on stderr is log lines.
pub(super) async fn sentence(launch: &Launch) -> Result<String, String> {
    let before = launch.log().len();
    let (code, log) = match launch.try_start().await {
        Ok(_) => return Err("it starts".to_owned()),
        Err(ended) => ended,
    };
    let log = &log[before..];
    let said: Vec<&str> = log.lines().filter(|line| !line.starts_with('{')).collect();
    match (code, said.as_slice()) {
        (Some(1), [sentence]) if sentence.starts_with("nexo: ") && sentence.len() > 20 => Ok((*sentence).to_owned()),
        _ => Err(format!("ended with {code:?} and said:\n{log}")),
    }
}

/// Cuts a journal, flips a bit of it, and empties it; each is refused, and nothing is touched.
async fn damaged(stopped: &Stopped, (path, journal): &(PathBuf, Bytes), places: &[usize]) {
    let mut faults = Vec::new();
    let mut note =
        |what: String, refused: Result<(), String>| faults.extend(refused.err().map(|fault| format!("{what}: {fault}")));
    for &place in places {
        journal.cut(place).write(path);
        note(format!("cut at {place}"), stopped.refuses(&["store"]).await);
        journal.flipped(place).write(path);
        note(format!("flipped at {place}"), stopped.refuses(&["store"]).await);
    }
    Bytes { length: 0, used: Vec::new() }.write(path);
    note("emptied".to_owned(), stopped.refuses(&["store"]).await);
    let used = journal.used.len();
    assert!(faults.is_empty(), "{} of {used} bytes\n{}", path.display(), faults.join("\n"));
}

async fn a_damaged_journal(end: End) {
    let stopped = Stopped::after(200, 400, end).await;
    let journal = stopped.journals().pop().expect("a journal");
    let used = journal.1.used.len();
    assert!(used > 100_000, "{used} bytes");
    // The last places are in the last batch: nothing intact is behind them.
    let places: Vec<usize> = (1..16).map(|place| used * place / 16).chain([5, used - 100, used - 20, used - 1]).collect();
    damaged(&stopped, &journal, &places).await;
    fs::remove_file(&journal.0).expect("removed");
    stopped.refused(&["store"]).await;
    stopped.restored().await;
}

#[test]
fn a_journal_that_was_damaged_after_a_clean_stop_is_refused() {
    run(a_damaged_journal(End::Softly));
}

#[test]
fn a_journal_that_was_damaged_after_a_kill_is_refused() {
    run(a_damaged_journal(End::Killed));
}

/// A server that was killed as soon as it wrote to a second journal, and its first one.
async fn two_journals() -> (Stopped, (PathBuf, Bytes)) {
    let second = |data: &Path, sent: usize| data.join("store/1.jnl").exists() || sent > 3_000;
    // The store may remove the first one before the kill; then this starts anew.
    for _ in 0..5 {
        let stopped = Stopped::once(second, 60_000, End::Killed).await;
        let mut journals = stopped.journals();
        if journals.len() > 1 {
            return (stopped, journals.remove(0));
        }
    }
    panic!("the store never had two journals")
}

#[test]
fn an_older_journal_that_was_damaged_is_refused_though_a_newer_one_is_whole() {
    run(async {
        let (stopped, older) = two_journals().await;
        let used = older.1.used.len();
        damaged(&stopped, &older, &[5, used / 1_000, used / 2, used * 9 / 10, used - 20]).await;
        stopped.restored().await;
    });
}

#[test]
fn a_damaged_mark_or_secret_is_refused() {
    run(async {
        let stopped = Stopped::after(20, 100, End::Softly).await;
        for name in ["commit-mark", "token-secret"] {
            let (path, good) = stopped.file(name);
            let middle = good.used.len() / 2;
            let garbage = Bytes::of(b"not what belongs here".to_vec());
            for damaged in [good.flipped(middle), good.cut(middle), good.cut(0), garbage, good.cut(0).cut(0)] {
                damaged.write(&path);
                stopped.refused(&[&path.display().to_string()]).await;
            }
            good.write(&path);
        }
        stopped.restored().await;
    });
}

#[test]
fn a_store_that_is_gone_is_refused() {
    run(async {
        let stopped = Stopped::after(20, 100, End::Softly).await;
        let store = stopped.launch.data().join("store");
        let aside = stopped.launch.data().join("aside");
        fs::rename(&store, &aside).expect("moved");
        stopped.refused(&["store"]).await;
        fs::create_dir(&store).expect("an empty folder");
        stopped.refused(&["store"]).await;
        fs::remove_dir(&store).expect("still empty");
        fs::rename(&aside, &store).expect("moved back");
        stopped.restored().await;
    });
}

#[test]
fn whichever_single_file_is_damaged_nothing_is_lost_silently() {
    run(async {
        let stopped = Stopped::after(60, 200, End::Softly).await;
        let mut faults = Vec::new();
        for (path, good) in &stopped.whole.files {
            let used = good.used.len();
            let mut damages = vec![("deleted", None), ("emptied", Some(Bytes { length: 0, used: Vec::new() }))];
            if used > 1 {
                damages.push(("cut", Some(good.cut(used / 2))));
                damages.push(("flipped", Some(good.flipped(used / 2))));
            }
            for (damage, bytes) in damages {
                match bytes {
                    Some(bytes) => bytes.write(path),
                    None => fs::remove_file(path).expect("removed"),
                }
                if let Err(fault) = refused_or_whole(&stopped).await {
                    faults.push(format!("{} {damage}: {fault}", path.display()));
                }
                stopped.whole.restore();
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        stopped.restored().await;
    });
}

/// Starts a server on a damaged folder: it has everything, or it refuses and changes nothing.
async fn refused_or_whole(stopped: &Stopped) -> Result<(), String> {
    let before = Snapshot::of(&stopped.launch.data());
    match stopped.launch.try_start().await {
        Ok(server) => stopped.is_whole(server).await,
        Err((Some(1), _)) => match before.changes(&Snapshot::of(&stopped.launch.data())).as_slice() {
            [] => Ok(()),
            changes => Err(format!("refused, and yet these changed: {changes:?}")),
        },
        Err((code, log)) => Err(format!("ended with {code:?}: {log}")),
    }
}
