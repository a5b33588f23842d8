//! TLS towards the database and Redis.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::store::StoreError;

/// A client that trusts the authorities of a PEM file, or those of the system if no file is said.
pub(super) fn client(ca_file: &Path) -> Result<Arc<ClientConfig>, StoreError> {
    let mut roots = RootCertStore::empty();
    if ca_file.as_os_str().is_empty() {
        for certificate in rustls_native_certs::load_native_certs().certs {
            // A certificate of the system that this library cannot read is one authority less, not an error.
            let _ = roots.add(certificate);
        }
    } else {
        let wrong = |error: &dyn std::fmt::Display| StoreError::Unavailable(format!("{}: {error}", ca_file.display()));
        for certificate in CertificateDer::pem_file_iter(ca_file).map_err(|error| wrong(&error))? {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
        if roots.is_empty() {
            return Err(wrong(&"there is no certificate in it"));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// What is wrong with the certificate of a server, if that is what an error says, and the setting that decides it. The error may
/// be in its form for programmers.
pub(super) fn about_certificate(error: &str, setting: &str) -> Option<String> {
    // An authority of the same name with another key is one that is not trusted, too.
    if error.contains("UnknownIssuer") || error.contains("BadSignature") {
        Some(format!("its certificate is signed by no authority that is trusted; see store.{setting}"))
    } else if error.contains("NotValidForName") || error.contains("not valid for name") {
        Some("its certificate is for another host".to_owned())
    } else if error.contains("InvalidCertificate") || error.contains("invalid peer certificate") {
        Some(format!("its certificate is not accepted ({error})"))
    } else {
        None
    }
}
