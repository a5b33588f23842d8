//! `nexo healthcheck`: asks a server whether it is ready, for containers and scripts that have no curl.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::Failure;

/// How long the server may take.
const WITHIN: Duration = Duration::from_secs(3);

/// Asks the server at `url` (`http://host:port`) for `/ready`. An error says why it is not.
pub fn healthcheck(url: &str) -> Result<(), Failure> {
    let host = url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| Failure(format!("{url}: expects http://host:port")))?;
    let answer = ask(host).map_err(|error| Failure(format!("{url} does not answer: {error}")))?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    if status == "200" { Ok(()) } else { Err(Failure(format!("{url} is not ready: it answers {status}"))) }
}

fn ask(host: &str) -> std::io::Result<String> {
    let address = host.to_socket_addrs()?.next();
    let address = address.ok_or_else(|| std::io::Error::other("no such host"))?;
    let mut stream = TcpStream::connect_timeout(&address, WITHIN)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    stream.write_all(format!("GET /ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
