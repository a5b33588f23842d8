//! A certificate authority of a test's own, and a certificate that it signed, made by the program `openssl`.

use std::fs;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// An authority with one certificate for 127.0.0.1; the files go with it.
pub(crate) struct Authority {
    home: TempDir,
}

impl Authority {
    /// A new one, which nobody trusts yet.
    pub(crate) fn new() -> Authority {
        let authority =
            Authority { home: tempfile::Builder::new().prefix("nexo-ca-").tempdir().expect("a temporary folder") };
        fs::write(authority.path("names"), "subjectAltName=IP:127.0.0.1\n").expect("the names of the server");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        authority.openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"));
        authority.openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=server"));
        authority.openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
        );
        authority
    }

    /// The PEM file with the authority.
    pub(crate) fn file(&self) -> String {
        self.path("ca.pem")
    }

    /// The PEM file with the server's certificate.
    pub(crate) fn certificate(&self) -> String {
        self.path("server.pem")
    }

    /// The PEM file with the server's key.
    pub(crate) fn key(&self) -> String {
        self.path("server.key")
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    fn openssl(&self, words: &str) {
        let mut command = Command::new("openssl");
        command.args(words.split(' ')).current_dir(self.home.path()).stdin(Stdio::null());
        let output = command.output().expect("openssl starts");
        assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
