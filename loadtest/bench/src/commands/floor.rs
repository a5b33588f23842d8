//! `floor`: what a send costs at least, as a process that keeps nothing but the promise that an ack is durable.
//!
//! It is this program once more: an axum route that checks a token and hands the body to one thread, which appends all that wait to
//! a file, syncs once, and lets them be answered. What Nexo costs beyond it is seqs, repeats, unread counts and pushes.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::routing::post;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::api::code_of;
use crate::bare::once_more;
use crate::bench::Bench;
use crate::http::Http;
use crate::load::{Operation, SECONDS, WARM_UP, measure};
use crate::options::{Command, Options, opt};
use crate::proc::Processes;
use crate::report::Report;
use crate::template::{Template, To};

pub(crate) const COMMAND: Command = Command {
    name: "floor",
    about: "what a send costs at least: a token checked and the body appended and synced, by a bare axum server",
    options: &[opt("connections", "64", "connections, one request in flight on each"), SECONDS, WARM_UP],
};

/// The word that makes this program the bare server, with a folder behind it.
const WORD: &str = "bare-sends";

/// Both sides of it know the key: it is a process of its own, for some seconds, on a loopback address.
const KEY: &[u8] = b"the key of a server that holds nothing";
const AUDIENCE: &str = "nexo";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    user_id: String,
    exp: u64,
}

/// A body, and who waits until it is stored.
type Post = (Bytes, oneshot::Sender<()>);

struct Shared {
    key: DecodingKey,
    validation: Validation,
    posts: Sender<Post>,
}

/// Is the bare server, if the command line says so.
pub(crate) fn was_asked_for() -> Option<Result<()>> {
    let mut words = std::env::args_os().skip(1);
    (words.next()? == WORD).then(|| {
        let folder = PathBuf::from(words.next().context("a folder")?);
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(&folder))
    })
}

async fn serve(folder: &Path) -> Result<()> {
    let file = File::create(folder.join("appended"))?;
    let (posts, waiting) = channel();
    std::thread::spawn(move || append(file, &waiting).expect("the disk takes it"));
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[AUDIENCE]);
    validation.set_audience(&[AUDIENCE]);
    let shared = Shared { key: DecodingKey::from_secret(KEY), validation, posts };
    let router = Router::new().route("/msg/send", post(store)).with_state(Arc::new(shared));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn store(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Result<&'static str, StatusCode> {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
    decode::<Claims>(token, &shared.key, &shared.validation).map_err(|_| StatusCode::UNAUTHORIZED)?;
    let (stored, ack) = oneshot::channel();
    shared.posts.send((body, stored)).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    ack.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(r#"{"code":0,"message":"ok","data":null}"#)
}

/// Appends all that waits, syncs once, and lets it be answered.
fn append(mut file: File, waiting: &Receiver<Post>) -> Result<()> {
    let mut bytes = Vec::new();
    while let Ok(first) = waiting.recv() {
        let batch: Vec<Post> = std::iter::once(first).chain(waiting.try_iter()).collect();
        bytes.clear();
        batch.iter().for_each(|(body, _)| bytes.extend_from_slice(body));
        file.write_all(&bytes)?;
        file.sync_data()?;
        for (_, stored) in batch {
            // Whoever waited may have gone away.
            let _ = stored.send(());
        }
    }
    Ok(())
}

struct Posting {
    address: SocketAddr,
    http: Http,
    token: Arc<str>,
    template: Template,
}

impl Operation for Posting {
    async fn once(&mut self) -> Result<u32> {
        code_of(self.http.post("/msg/send", &self.token, self.template.next()).await?.body)
    }

    async fn reconnect(&mut self) -> Result<()> {
        self.http = Http::connect(self.address).await?;
        Ok(())
    }
}

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    let folder = tempfile::tempdir_in(options.path("tmp").unwrap_or_else(std::env::temp_dir))?;
    let (bare, address) = once_more([WORD.as_ref(), folder.path().as_ref()]).await?;
    let claims = Claims { iss: AUDIENCE.into(), aud: AUDIENCE.into(), user_id: "somebody".into(), exp: u64::from(u32::MAX) };
    let token: Arc<str> = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(KEY))?.into();
    let (tag, to) = (bench.fresh_tag(), To::User("somebody-else".into()));
    let mut posting = Vec::new();
    for number in 0..options.count("connections")? {
        let (http, template) = (Http::connect(address).await?, Template::rest(&tag, number, &to, 0));
        posting.push(Posting { address, http, token: Arc::clone(&token), template });
    }
    let processes = Processes { server: bare.id().into_iter().collect(), ..Processes::default() };
    let measured = measure(&processes, options, posting).await?;
    let mut report = Report::default();
    measured.add_to(&mut report, "sends");
    Ok(report)
}
