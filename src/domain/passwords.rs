//! Passwords: hashed with argon2id on a few threads of low priority, so that a storm of logins does not slow messages.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::telemetry::Metrics;

/// 19 MiB, two passes, one lane: the first choice of OWASP's password storage cheat sheet. About 20 ms.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How much nicer the hashing threads are than the rest.
const NICE: i32 = 10;

/// When to come back if too many hashes wait.
const RETRY_AFTER_MS: i64 = 2_000;

enum Task {
    Hash { password: String, answer: oneshot::Sender<Result<String>> },
    Verify { password: String, hash: String, answer: oneshot::Sender<Result<bool>> },
}

/// A pool of threads that hash passwords.
#[derive(Clone)]
pub struct Passwords {
    tasks: SyncSender<Task>,
    metrics: Arc<Metrics>,
}

impl Passwords {
    /// Starts `threads` threads, for which at most `queue` passwords may wait. They end when the last clone is dropped.
    pub fn start(threads: usize, queue: usize, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (tasks, waiting) = sync_channel(queue);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let (waiting, metrics) = (Arc::clone(&waiting), Arc::clone(&metrics));
            std::thread::Builder::new().name("password-hash".to_owned()).spawn(move || work(&waiting, &metrics))?;
        }
        Ok(Self { tasks, metrics })
    }

    /// The hash of a password, in PHC string format. 1006 if too many wait.
    pub async fn hash(&self, password: String) -> Result<String> {
        let (answer, hash) = oneshot::channel();
        self.submit(Task::Hash { password, answer })?;
        hash.await.map_err(Error::unavailable)?
    }

    /// Whether `hash` is of this password. 1006 if too many wait.
    pub async fn verify(&self, password: String, hash: String) -> Result<bool> {
        let (answer, verified) = oneshot::channel();
        self.submit(Task::Verify { password, hash, answer })?;
        verified.await.map_err(Error::unavailable)?
    }

    fn submit(&self, task: Task) -> Result<()> {
        self.metrics.hashes_pending.inc();
        let submitted = self.tasks.try_send(task);
        if submitted.is_err() {
            self.metrics.hashes_pending.dec();
        }
        match submitted {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                self.metrics.limited.with_label_values(&["password_queue"]).inc();
                Err(Error::too_many("too many logins at once, try again", RETRY_AFTER_MS))
            }
            Err(TrySendError::Disconnected(_)) => Err(Error::internal("the password threads have ended")),
        }
    }
}

fn work(waiting: &Mutex<Receiver<Task>>, metrics: &Metrics) {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "passwords are hashed at normal priority");
    }
    loop {
        let task = waiting.lock().recv();
        let Ok(task) = task else { return };
        match task {
            // Whoever asked may have gone away; then there is nothing to do.
            Task::Hash { answer, .. } if answer.is_closed() => {}
            Task::Verify { answer, .. } if answer.is_closed() => {}
            Task::Hash { password, answer } => {
                let _ = answer.send(hash(&password));
            }
            Task::Verify { password, hash, answer } => {
                let _ = answer.send(verify(&password, &hash));
            }
        }
        metrics.hashes_pending.dec();
    }
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String> {
    let hash = argon2()?.hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Error::internal(error.to_string()))
}

fn verify(password: &str, hash: &str) -> Result<bool> {
    use argon2::password_hash::Error as HashError;
    match argon2()?.verify_password(password.as_bytes(), hash) {
        Ok(()) => Ok(true),
        Err(HashError::PasswordInvalid) => Ok(false),
        Err(error) => Err(Error::internal(format!("a password hash cannot be read: {error}"))),
    }
}
