//! `floor`: what a send costs at least, as a process that keeps nothing but the promise that an ack is durable.
//!
//! It is this program once more: an axum route that checks a token and keeps the body, in a file or as a cluster does. What Nexo costs
//! beyond it is seqs, repeats, unread counts and pushes.

mod disk;
mod services;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::routing::post;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::api::code_of;
use crate::bare::once_more;
use crate::bench::Bench;
use crate::http::Http;
use crate::load::{Operation, SECONDS, WARM_UP, measure};
use crate::options::{Command, Options, opt};
use crate::proc::Processes;
use crate::report::Report;
use crate::template::{Template, To};
use disk::Disk;
use services::Services;

pub(crate) const COMMAND: Command = Command {
    name: "floor",
    about: "what a send costs at least: a token checked and the body kept, in a file or as in a cluster, by a bare axum server",
    options: &[
        opt("connections", "64", "connections, one request in flight on each"),
        opt(
            "redis",
            "",
            "with --cql: URL of a Redis, for as many commands as a send in a cluster has [the body goes to a file]",
        ),
        opt("cql", "", "address of a database node, for as many statements; keyspace nexo_floor is made anew there"),
        SECONDS,
        WARM_UP,
    ],
};

/// The word that makes this program the bare server, with a folder, Redis' URL and the database's address behind it.
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

/// Where the bodies go.
enum Keeper {
    Disk(Disk),
    Services(Box<Services>),
}

struct Shared {
    key: DecodingKey,
    validation: Validation,
    keeper: Keeper,
}

/// Is the bare server, if the command line says so.
pub(crate) fn was_asked_for() -> Option<Result<()>> {
    let mut words = std::env::args_os().skip(1);
    (words.next()? == WORD).then(|| {
        let words: Vec<String> = words.filter_map(|word| word.into_string().ok()).collect();
        let [folder, redis, cql] = &words[..] else { bail!("a folder, a URL and an address") };
        let serving = serve(Path::new(folder), redis, cql);
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serving)
    })
}

async fn serve(folder: &Path, redis: &str, cql: &str) -> Result<()> {
    let keeper = match redis.is_empty() {
        true => Keeper::Disk(Disk::open(folder)?),
        false => Keeper::Services(Box::new(Services::connect(redis, cql).await?)),
    };
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[AUDIENCE]);
    validation.set_audience(&[AUDIENCE]);
    let shared = Shared { key: DecodingKey::from_secret(KEY), validation, keeper };
    let router = Router::new().route("/msg/send", post(store)).with_state(Arc::new(shared));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn store(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Result<&'static str, StatusCode> {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
    decode::<Claims>(token, &shared.key, &shared.validation).map_err(|_| StatusCode::UNAUTHORIZED)?;
    let kept = match &shared.keeper {
        Keeper::Disk(disk) => disk.store(body).await,
        Keeper::Services(services) => services.store(body).await,
    };
    kept.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(r#"{"code":0,"message":"ok","data":null}"#)
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
    let (redis, cql) = (options.text("redis"), options.text("cql"));
    ensure!(redis.is_empty() == cql.is_empty(), "--redis goes with --cql");
    let (bare, address) = once_more([WORD.as_ref(), folder.path().as_ref(), redis.as_ref(), cql.as_ref()]).await?;
    let claims = Claims { iss: AUDIENCE.into(), aud: AUDIENCE.into(), user_id: "somebody".into(), exp: u64::from(u32::MAX) };
    let token: Arc<str> = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(KEY))?.into();
    let (tag, to) = (bench.fresh_tag(), To::User("somebody-else".into()));
    let mut posting = Vec::new();
    for number in 0..options.count("connections")? {
        let (http, template) = (Http::connect(address).await?, Template::rest(&tag, number, &to, 0));
        posting.push(Posting { address, http, token: Arc::clone(&token), template });
    }
    let processes = Processes { server: bare.id().into_iter().collect(), ..bench.server.processes.clone() };
    let measured = measure(&processes, options, posting).await?;
    let mut report = Report::default();
    measured.add_to(&mut report, "sends");
    Ok(report)
}
