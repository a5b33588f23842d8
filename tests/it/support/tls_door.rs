//! A port without TLS in front of a server with it, so that the usual clients can come; it trusts one authority.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Authority, Server, within};

/// The door; dropped, it cuts all who came through it.
pub(crate) struct TlsDoor {
    address: SocketAddr,
    server: SocketAddr,
    connector: TlsConnector,
    errors: Arc<Mutex<Vec<String>>>,
    listening: JoinHandle<()>,
}

impl TlsDoor {
    /// Stands before this server, whose certificate the authority must have signed.
    pub(crate) async fn before(server: &Server, authority: &Authority) -> TlsDoor {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(authority.file()).expect("the authority") {
            roots.add(certificate.expect("a certificate")).expect("an authority");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = builder.expect("TLS").with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, server) = (listener.local_addr().expect("a port"), server.host().parse().expect("an address"));
        let errors = Arc::new(Mutex::new(Vec::new()));
        let listening = tokio::spawn(listen(listener, server, connector.clone(), Arc::clone(&errors)));
        TlsDoor { address, server, connector, errors, listening }
    }

    /// Where to connect to: `127.0.0.1:<port>`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Why connections were not carried on.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.errors.lock().expect("the errors").clone()
    }

    /// A handshake with the server: the certificate that it shows, or why there was none to trust.
    pub(crate) async fn shown(&self) -> Result<Vec<u8>, String> {
        let stream = within("a handshake", handshake(self.server, &self.connector)).await?;
        let (_, connection) = stream.get_ref();
        assert_eq!(connection.alpn_protocol(), Some(b"http/1.1".as_slice()));
        let chain = connection.peer_certificates().expect("certificates");
        Ok(chain[0].to_vec())
    }
}

impl Drop for TlsDoor {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn handshake(server: SocketAddr, connector: &TlsConnector) -> Result<TlsStream<TcpStream>, String> {
    let stream = TcpStream::connect(server).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let name = ServerName::from(server.ip());
    connector.connect(name, stream).await.map_err(|error| error.to_string())
}

async fn listen(listener: TcpListener, server: SocketAddr, connector: TlsConnector, errors: Arc<Mutex<Vec<String>>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let (connector, errors) = (connector.clone(), Arc::clone(&errors));
        connections.spawn(async move {
            match handshake(server, &connector).await {
                Ok(mut stream) => {
                    client.set_nodelay(true).ok();
                    // However it ends, both sides see the end.
                    tokio::io::copy_bidirectional(&mut client, &mut stream).await.ok();
                }
                Err(error) => errors.lock().expect("the errors").push(error),
            }
        });
    }
}
