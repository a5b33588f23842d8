//! Calls that a server of a Redis Cluster sends elsewhere, because their slot is on its way to another server or has arrived there.
//!
//! The client library (fred 10.1) must not follow an `ASK`: it takes the next answer on the connection for that to its `ASKING`,
//! whosesoever it is, so that calls in flight there get each other's answers. No client of ours follows a redirection, then. A call
//! that is sent elsewhere is made once more here, on connections to single servers, to which a redirection is an answer like another.

use std::collections::HashMap;
use std::sync::Arc;

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientLike, FunctionInterface};
use fred::types::config::Server;
use fred::types::{ClusterHash, CustomCommand, Value};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::redis::{Said, connect_to, said};
use crate::config::ClusterStore;
use crate::store::StoreError;

/// A call of a Function.
pub(super) struct Call<'a> {
    /// The library's text.
    pub(super) library: &'a str,
    /// The function's name there.
    pub(super) function: &'a str,
    pub(super) keys: &'a [String],
    pub(super) arguments: &'a [String],
}

/// Connections to single servers.
pub(super) struct Redirects {
    config: ClusterStore,
    clients: Mutex<HashMap<Server, Arc<OnceCell<Client>>>>,
}

impl Redirects {
    pub(super) fn new(config: ClusterStore) -> Self {
        Self { config, clients: Mutex::default() }
    }

    /// Makes a call at the owner of its slot, or where that server says to ask.
    pub(super) async fn follow(&self, owner: Server, call: &Call<'_>) -> Result<Result<Vec<String>, Error>, StoreError> {
        let answer = self.call(&owner, call, false).await?;
        match answer.as_ref().err().and_then(|error| asked(error, &owner)) {
            Some(server) => self.call(&server, call, true).await,
            None => Ok(answer),
        }
    }

    async fn call(&self, server: &Server, call: &Call<'_>, asking: bool) -> Result<Result<Vec<String>, Error>, StoreError> {
        let client = self.client(server).await?;
        let mut answer = make(&client, call, asking).await;
        if answer.as_ref().is_err_and(|error| said(error) == Said::NoSuchFunction) {
            // A server that has no slots yet is not known to whoever loads libraries into all.
            answer = match client.function_load::<(), _>(true, call.library).await {
                Ok(()) => make(&client, call, asking).await,
                Err(error) => Err(error),
            };
        }
        if !client.is_connected() {
            // The next call begins anew.
            self.clients.lock().remove(server);
        }
        Ok(answer)
    }

    async fn client(&self, server: &Server) -> Result<Client, StoreError> {
        let cell = Arc::clone(self.clients.lock().entry(server.clone()).or_default());
        cell.get_or_try_init(|| connect_to(&self.config, server.clone())).await.cloned()
    }
}

/// Makes a call on a connection to one server. The flag that `ASKING` sets is for the next command, so both are written as one.
async fn make(client: &Client, call: &Call<'_>, asking: bool) -> Result<Vec<String>, Error> {
    let Call { function, keys, arguments, .. } = call;
    if !asking {
        return client.fcall(*function, keys.to_vec(), arguments.to_vec()).await;
    }
    let both = client.pipeline();
    let ask = CustomCommand::new_static("ASKING", ClusterHash::FirstKey, false);
    both.custom::<(), Value>(ask, Vec::new()).await?;
    both.fcall::<(), _, _, _>(*function, keys.to_vec(), arguments.to_vec()).await?;
    both.last().await
}

/// Whom an `ASK` says to ask. A host that is not named is that of the server which says so.
fn asked(error: &Error, from: &Server) -> Option<Server> {
    let (_slot, address) = error.details().strip_prefix("ASK ")?.split_once(' ')?;
    let (host, port) = address.rsplit_once(':')?;
    let host = if host.is_empty() { from.host.to_string() } else { host.to_owned() };
    Some(Server::new(host, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use fred::error::ErrorKind;

    use super::*;

    #[test]
    fn an_ask_names_the_server_to_ask() {
        let from = Server::new("10.0.0.1", 7000);
        let whom = |words: &'static str| asked(&Error::new(ErrorKind::Cluster, words), &from);
        assert_eq!(whom("ASK 3999 10.0.0.2:7001"), Some(Server::new("10.0.0.2", 7001)));
        assert_eq!(whom("ASK 3999 :7001"), Some(Server::new("10.0.0.1", 7001)));
        assert_eq!(whom("ASK 3999 ::1:7001"), Some(Server::new("::1", 7001)));
        for other in ["MOVED 3999 10.0.0.2:7001", "ASK", "ASK 1", "ASK 1 host", "ASK 1 host:x", "Too many redirections."] {
            assert_eq!(whom(other), None, "{other}");
        }
    }
}
