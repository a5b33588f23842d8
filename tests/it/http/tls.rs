//! A server that speaks TLS itself: who comes, what it shows, what it does when its files change.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::services::{Need, needs};
use crate::support::*;

/// A folder that holds the server's certificate and key behind a link, as Kubernetes mounts a secret.
struct Secret {
    home: TempDir,
    versions: std::cell::Cell<usize>,
}

impl Secret {
    fn of(authority: &Authority) -> Secret {
        let home = tempfile::Builder::new().prefix("nexo-tls-").tempdir().expect("a temporary folder");
        let secret = Secret { home, versions: Default::default() };
        secret.replace(&authority.certificate(), &authority.key());
        secret
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("current").join(name)
    }

    /// Has both files replaced at once.
    fn replace(&self, certificate: &str, key: &str) {
        let version = self.versions.replace(self.versions.get() + 1).to_string();
        let folder = self.home.path().join(&version);
        fs::create_dir(&folder).expect("a folder");
        fs::copy(certificate, folder.join("tls.crt")).expect("the certificate");
        fs::copy(key, folder.join("tls.key")).expect("the key");
        let link = self.home.path().join("next");
        symlink(&version, &link).expect("a link");
        fs::rename(&link, self.home.path().join("current")).expect("the link in its place");
    }

    fn launch(&self) -> Launch {
        launch(&self.path("tls.crt"), &self.path("tls.key"))
    }
}

fn launch(certificate: &Path, key: &Path) -> Launch {
    let path = |path: &Path| path.to_str().expect("a path of letters").to_owned();
    Launch::new().set("server", "tls_cert_file", &path(certificate)).set("server", "tls_key_file", &path(key))
}

fn healthcheck(url: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexo"));
    let output = command.args(["healthcheck", "--url", url]).output().expect("it runs");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn requests_and_websockets_come_by_tls() {
    let Some([_]) = needs([Need::OpenSsl]) else { return };
    let authority = Authority::new();
    let secret = Secret::of(&authority);
    let server = secret.launch().start().await;
    assert!(server.url().starts_with("https://"), "{}", server.url());
    let door = TlsDoor::before(&server, &authority).await;
    let client = World::through(&door.address());
    let ann = Person::register(&client, &unique("ann")).await;
    let bob = Person::register(&client, &unique("bob")).await;
    let mut socket = bob.socket().await;
    let long = "x".repeat(16_000);
    for content in ["hello", &long] {
        let sent = ann.send(&bob, content).await;
        assert_eq!(socket.next().await["seq"], sent["seq"]);
    }
    assert_eq!(bob.pull(&pair(&ann, &bob)).await.len(), 2);
    assert_eq!(door.errors(), Vec::<String>::new());
    assert_eq!(healthcheck(server.url()), (true, String::new()));
}

#[tokio::test]
async fn who_speaks_no_tls_or_trusts_another_authority_gets_nothing() {
    let Some([_]) = needs([Need::OpenSsl]) else { return };
    let (authority, stranger) = (Authority::new(), Authority::new());
    let secret = Secret::of(&authority);
    let server = secret.launch().start().await;
    let mut plain = RawTcp::connect(server.host()).await;
    plain.write("GET /health HTTP/1.1\r\nHost: nexo\r\n\r\n").await;
    assert!(plain.reply().await.is_none());
    let (healthy, said) = healthcheck(&server.url().replace("https", "http"));
    assert!(!healthy && said.contains("http://"), "{said}");
    let door = TlsDoor::before(&server, &stranger).await;
    let refused = door.shown().await.expect_err("a certificate that the client does not trust");
    assert!(refused.contains("invalid peer certificate"), "{refused}");
    assert!(TlsDoor::before(&server, &authority).await.shown().await.is_ok());
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_to_new_clients_and_broken_files_change_nothing() {
    let Some([_]) = needs([Need::OpenSsl]) else { return };
    let (first, second) = (Authority::new(), Authority::new());
    let secret = Secret::of(&first);
    let launch = secret.launch();
    let server = launch.start().await;
    let door = TlsDoor::before(&server, &first).await;
    let client = World::through(&door.address());
    let ann = Person::register(&client, &unique("ann")).await;
    let bob = Person::register(&client, &unique("bob")).await;
    let mut socket = bob.socket().await;
    // Each from a client that was never here: others resume their sessions, for which no certificate is shown.
    let shown = async |authority| TlsDoor::before(&server, authority).await.shown().await;
    let before = shown(&first).await.expect("a certificate");

    // Of different pairs: what a reader sees between two files that are replaced one after the other.
    secret.replace(&second.certificate(), &first.key());
    let warned = || launch.log().matches("the old certificate is shown on").count();
    eventually("a warning of the wrong pair", async || (warned() == 1).then_some(())).await;
    assert!(launch.log().contains("it is not the key of"), "{}", launch.log());
    assert_eq!(shown(&first).await, Ok(before));

    secret.replace(&second.certificate(), &second.key());
    eventually("the new certificate", async || shown(&second).await.ok()).await;
    assert!(shown(&first).await.is_err(), "the first one is still shown");
    assert_eq!(warned(), 1);
    // Who is here stays.
    let sent = ann.send(&bob, "still here").await;
    socket.before(&sent).await;
}

#[tokio::test]
async fn an_unfinished_handshake_is_ended_in_time_and_does_not_delay_a_stop() {
    let Some([_]) = needs([Need::OpenSsl]) else { return };
    let secret = Secret::of(&Authority::new());
    let launch = secret.launch().set("server", "header_timeout_ms", "300");
    let mut server = launch.start().await;
    let mut silent = RawTcp::connect(server.host()).await;
    silent.ended().await;
    server.restart().await;

    let launch = secret.launch().set("server", "drain_ms", "60000");
    let mut server = launch.start().await;
    let mut silent = RawTcp::connect(server.host()).await;
    // The first bytes of a handshake (RFC 8446, section 5.1), whose rest never comes.
    silent.write([22, 3, 1, 2, 0, 1]).await;
    server.terminate();
    silent.ended().await;
    assert!(server.wait_exit().await.success());
}

#[tokio::test]
async fn files_that_cannot_be_used_are_refused_with_their_setting_and_no_folder_is_made() {
    let Some([_]) = needs([Need::OpenSsl]) else { return };
    let (authority, other) = (Authority::new(), Authority::new());
    let (certificate, key) = (authority.certificate(), authority.key());
    let cases = [
        (certificate.as_str(), "", "expects both"),
        ("", key.as_str(), "expects both"),
        ("nowhere.pem", key.as_str(), "server.tls_cert_file: nowhere.pem: "),
        (certificate.as_str(), "nowhere.key", "server.tls_key_file: nowhere.key: "),
        (key.as_str(), key.as_str(), "there is no certificate in it"),
        (certificate.as_str(), certificate.as_str(), "there is no private key in it"),
        (certificate.as_str(), &other.key(), "it is not the key of"),
    ];
    for (certificate, key, sentence) in cases {
        let launch = launch(Path::new(certificate), Path::new(key));
        let (code, log) = launch.try_start().await.err().expect("it must not start");
        assert!(code == Some(1) && log.contains(sentence), "{sentence}: {log}");
        assert!(!launch.data().exists(), "a data folder was made");
    }
}
