//! A client of Redis for single commands: one connection each, nothing kept, nothing repeated.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::within;

/// Asks the server at `address` (`host:port`). An answer is flattened to its leaves, as redis-cli prints them; nil is the
/// empty text. An error of the server is the inner `Err`, one of the connection the outer.
pub(crate) async fn ask(address: &str, words: &[&str]) -> io::Result<Result<Vec<String>, String>> {
    within(words, async {
        let mut stream = BufReader::new(TcpStream::connect(address).await?);
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request += &format!("${}\r\n{word}\r\n", word.len());
        }
        stream.write_all(request.as_bytes()).await?;
        answer(&mut stream).await
    })
    .await
}

/// Reads one answer of version 2 of the protocol.
async fn answer(stream: &mut BufReader<TcpStream>) -> io::Result<Result<Vec<String>, String>> {
    let (mut leaves, mut left) = (Vec::new(), 1_usize);
    while left > 0 {
        left -= 1;
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (kind, rest) = line.trim_end().split_at(1);
        match kind {
            "-" => return Ok(Err(rest.to_owned())),
            // A length of -1 is nil.
            "*" => left += rest.parse().unwrap_or(0),
            "$" => leaves.push(text(stream, rest.parse().ok()).await?),
            _ => leaves.push(rest.to_owned()),
        }
    }
    Ok(Ok(leaves))
}

async fn text(stream: &mut BufReader<TcpStream>, length: Option<usize>) -> io::Result<String> {
    let Some(length) = length else { return Ok(String::new()) };
    let mut bytes = vec![0; length + 2];
    stream.read_exact(&mut bytes).await?;
    bytes.truncate(length);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
