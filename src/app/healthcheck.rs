//! `nexo healthcheck`: asks a server whether it is ready, for containers and scripts that have no curl.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned};

use super::Failure;

/// How long the server may take.
const WITHIN: Duration = Duration::from_secs(3);

/// Asks the server at `url` (`http://host:port`, or https) for `/ready`. An error says why it is not.
///
/// Any certificate will do: the question tells nothing, and the server is asked by an address that its certificate does not name.
pub fn healthcheck(url: &str) -> Result<(), Failure> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let host = rest.split('/').next().filter(|host| !host.is_empty() && matches!(scheme, "http" | "https"));
    let host = host.ok_or_else(|| Failure(format!("{url}: expects http://host:port or https://host:port")))?;
    let answer = ask(scheme, host).map_err(|error| Failure(format!("{url} does not answer: {error}")))?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    if status == "200" { Ok(()) } else { Err(Failure(format!("{url} is not ready: it answers {status}"))) }
}

fn ask(scheme: &str, host: &str) -> io::Result<String> {
    let address = host.to_socket_addrs()?.next();
    let address = address.ok_or_else(|| io::Error::other("no such host"))?;
    let stream = TcpStream::connect_timeout(&address, WITHIN)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    match scheme {
        "https" => converse(StreamOwned::new(tls(address.ip().into()).map_err(io::Error::other)?, stream), host),
        _ => converse(stream, host),
    }
}

fn converse(mut stream: impl Read + Write, host: &str) -> io::Result<String> {
    stream.write_all(format!("GET /ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    match stream.read_to_string(&mut answer) {
        // A server need not say goodbye in TLS before it closes.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(answer),
    }
}

fn tls(name: ServerName<'static>) -> Result<ClientConnection, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let any = Arc::new(AnyCertificate(Arc::clone(&provider)));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = builder.dangerous().with_custom_certificate_verifier(any).with_no_client_auth();
    ClientConnection::new(Arc::new(config), name)
}

/// Takes whatever certificate is shown, by somebody who has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
