//! The end of a connection, so that the client hears of it.
//!
//! A socket that is closed while bytes of the client wait unread is reset, and a reset takes from the client what it had not read
//! yet: the 413, or the close code, that ended it. So the server ends its own side first and reads on for a while (RFC 9112, section
//! 9.6). A process that ends waits for nobody here.

use std::future::{pending, poll_fn};
use std::io;
use std::time::Duration;

use tokio::net::tcp::OwnedReadHalf;
use tokio::time::timeout;

use super::WriteSide;

/// For how long a client may send nothing before it is cut off.
const SILENCE: Duration = Duration::from_secs(1);

/// For how long it may go on sending.
const AT_MOST: Duration = Duration::from_secs(10);

/// Ends the server's side of a connection, and reads on until the client ends its own, falls silent, or takes too long.
pub(super) async fn linger(reads: OwnedReadHalf, writes: &WriteSide) {
    let end = async {
        // A side that cannot be ended is ended already.
        let _ = poll_fn(|cx| writes.poll_shutdown(cx)).await;
        pending::<()>().await;
    };
    let read_on = async { while let Ok(Ok(true)) = timeout(SILENCE, more_came(&reads)).await {} };
    let lingers = async {
        tokio::select! {
            () = end => {}
            () = read_on => {}
        }
    };
    // However that ends, it ends.
    let _ = timeout(AT_MOST, lingers).await;
}

/// Throws away what comes next. `false`: nothing comes any more.
async fn more_came(reads: &OwnedReadHalf) -> io::Result<bool> {
    loop {
        reads.readable().await?;
        match throw_away(reads) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            thrown_away => return Ok(thrown_away? > 0),
        }
    }
}

/// Its buffer lives as long as the call: many may linger at once.
fn throw_away(reads: &OwnedReadHalf) -> io::Result<usize> {
    reads.try_read(&mut [0; 16 * 1_024])
}
