//! TLS of the listener: one certificate and its key, read again whenever their files change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at. A certificate is replaced weeks before it ends.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The only protocol of the listener, in ALPN's words (RFC 7301): WebSockets need HTTP/1.1.
const PROTOCOL: &[u8] = b"http/1.1";

/// What the listener shows its clients.
pub struct Tls {
    acceptor: TlsAcceptor,
    shown: Arc<Shown>,
    files: Files,
    /// What the files held when they were last looked at.
    seen: Contents,
}

impl Tls {
    /// Reads both files (PEM, the certificate with its chain). An error names the file and what is wrong with it.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let files = Files { certificate: certificate.to_owned(), key: key.to_owned() };
        let seen = files.read();
        let shown = Arc::new(Shown { certified: RwLock::new(Arc::new(files.parse(&seen, &provider)?)), provider });
        let builder = ServerConfig::builder_with_provider(Arc::clone(&shown.provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), shown, files, seen })
    }

    /// What accepts connections, with the certificate that is current then.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Shows new clients what the files hold, whenever that changes. Files that cannot be used are warned of once, and change
    /// nothing: the two of them may be replaced one after the other.
    pub async fn watch(mut self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            // By content: a secret in Kubernetes is replaced by a link to other files, of any age.
            let files = self.files.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || files.read()).await else { continue };
            if now == self.seen {
                continue;
            }
            match self.files.parse(&now, &self.shown.provider) {
                Ok(certified) => {
                    self.shown.replace(certified);
                    tracing::info!("the certificate was replaced");
                }
                Err(error) => tracing::warn!("{error}; the old certificate is shown on"),
            }
            self.seen = now;
        }
    }
}

/// Where the certificate and its key are.
#[derive(Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What the files hold, or why that cannot be said.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Result<Vec<u8>, io::ErrorKind>,
    key: Result<Vec<u8>, io::ErrorKind>,
}

impl Files {
    fn read(&self) -> Contents {
        let read = |path: &Path| std::fs::read(path).map_err(|error| error.kind());
        Contents { certificate: read(&self.certificate), key: read(&self.key) }
    }

    fn parse(&self, contents: &Contents, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
        let Self { certificate, key } = self;
        let of_certificate =
            |error: &dyn std::fmt::Display| format!("server.tls_cert_file: {}: {error}", certificate.display());
        let of_key = |error: &dyn std::fmt::Display| format!("server.tls_key_file: {}: {error}", key.display());
        let chain = contents.certificate.as_ref().map_err(|error| of_certificate(error))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|error| of_certificate(&error))?;
        if chain.is_empty() {
            return Err(of_certificate(&"there is no certificate in it"));
        }
        let private = contents.key.as_ref().map_err(|error| of_key(error))?;
        let private = PrivateKeyDer::from_pem_slice(private).map_err(|_| of_key(&"there is no private key in it"))?;
        CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => of_key(&format!("it is not the key of {}", certificate.display())),
            rustls::Error::InvalidCertificate(error) => of_certificate(&format!("it cannot be read ({error:?})")),
            error => of_key(&error),
        })
    }
}

/// The certificate that new connections see.
#[derive(Debug)]
struct Shown {
    certified: RwLock<Arc<CertifiedKey>>,
    provider: Arc<CryptoProvider>,
}

impl Shown {
    fn replace(&self, certified: CertifiedKey) {
        *self.certified.write() = Arc::new(certified);
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.certified.read()))
    }
}
