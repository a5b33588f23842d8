//! The key that signs tokens, made once and kept in the data folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Failure;

/// Bytes of a key: as many as the hash of HS256 has (RFC 7518, section 3.2).
const BYTES: usize = 32;

/// Bytes of its SHA-256 that are kept with it.
const CHECKSUM_BYTES: usize = 4;

/// The key in the data folder; made if there is none yet. A damaged one is refused: another key would log everybody out.
pub(super) fn load_or_make(data: &Path) -> Result<Vec<u8>, Failure> {
    let path = data.join("token-secret");
    let failed = |what: &str, error: io::Error| Failure(format!("cannot {what} {}: {error}", path.display()));
    match fs::read_to_string(&path) {
        Ok(text) => parse(text.trim_end()).ok_or_else(|| {
            Failure(format!(
                "{} is damaged; restore it from a backup, or delete it to have a new one made, which logs everybody out",
                path.display()
            ))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(data, &path).map_err(|error| failed("write", error)),
        Err(error) => Err(failed("read", error)),
    }
}

/// The key that `text` spells: its digits, and those of its checksum.
fn parse(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let secret: Vec<u8> = digits.get(..BYTES * 2)?.chunks(2).map(pair).collect::<Option<_>>()?;
    (spell(&secret) == text).then_some(secret)
}

/// The key's digits and those of its checksum: a damaged one would be another key.
fn spell(secret: &[u8]) -> String {
    let checksum = Sha256::digest(secret);
    secret.iter().chain(checksum.iter().take(CHECKSUM_BYTES)).map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a key. It is whole on disk before it has its name.
fn make(data: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let secret: [u8; BYTES] = rand::random();
    let text = spell(&secret);
    let part = data.join("token-secret.part");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(format!("{text}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    File::open(data)?.sync_all()?;
    Ok(secret.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept() {
        let data = tempfile::tempdir().expect("a folder");
        let made = load_or_make(data.path()).expect("made");
        assert_eq!(load_or_make(data.path()).expect("kept"), made);
    }

    #[test]
    fn a_damaged_key_is_refused_and_left_alone() {
        let data = tempfile::tempdir().expect("a folder");
        for damaged in ["", "abc", &"x".repeat(64), &"é".repeat(32)] {
            fs::write(data.path().join("token-secret"), damaged).expect("writable");
            assert!(load_or_make(data.path()).expect_err("refused").to_string().contains("token-secret"));
            assert_eq!(fs::read_to_string(data.path().join("token-secret")).expect("readable"), damaged);
        }
    }
}
