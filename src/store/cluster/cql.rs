//! The CQL database: one session, prepared statements, and what an answer says of a statement's outcome.
//!
//! Every statement says by its [`Kind`] how many replicas it needs and whether it may run twice. A plain write whose outcome is
//! unknown is tried again with the same row until the deadline; a conditional one never is: its caller reads back.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::cluster::{ClusterState, Node};
use scylla::deserialize::row::DeserializeRow;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::policies::load_balancing::{DefaultPolicy, NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::response::query_result::{QueryResult, QueryRowsResult};
use scylla::serialize::batch::BatchValues;
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};
use uuid::Uuid;

use super::tls;
use super::together::together;
use crate::config::{ClusterStore, Serial};
use crate::store::StoreError;
use crate::telemetry::{Backend, Timed};

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// After how much silence of the database a connection is asked, and given up.
const KEEPALIVE: Duration = Duration::from_secs(3);

/// The pause before a plain write is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Keys in one list: ScyllaDB takes 100 (`max_partition_key_restrictions_per_query`).
const KEYS_AT_ONCE: usize = 64;

/// How a statement is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reads what a quorum of this data centre has. May run twice.
    Read,
    /// Reads after finishing what is being agreed on: the authority on an LWT of unknown outcome. May run twice.
    ReadSerial,
    /// Writes a row, the same one however often it runs.
    Write,
    /// Writes if a condition holds. Must not run twice, and is not retried by the driver, whose default does so where a replica
    /// seems away: that may be after it was agreed on.
    Lwt,
}

/// What became of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    /// The condition held and it is written.
    Yes,
    /// The condition did not hold: nothing is written.
    No,
    /// It may have been written, or be written yet: read back at the serial level.
    Unknown,
}

/// An open session.
pub(super) struct Cql {
    session: Session,
    /// Whose replicas are nearest; empty: all of them are.
    datacenter: String,
    serial: SerialConsistency,
    timeout: Duration,
    deadline: Duration,
    asked: Option<Asked>,
}

/// The metrics of what is asked.
struct Asked {
    metrics: Backend,
    reads: Timed,
    serial_reads: Timed,
    writes: Timed,
    lwts: Timed,
}

impl Cql {
    /// Connects to the database, and to its keyspace if that is said.
    pub(super) async fn connect(config: &ClusterStore, keyspace: Option<&str>) -> Result<Self, StoreError> {
        let timeout = Duration::from_millis(config.cql_timeout_ms);
        let mut policy = DefaultPolicy::builder().token_aware(true);
        if !config.cql_datacenter.is_empty() {
            policy = policy.prefer_datacenter(config.cql_datacenter.clone()).permit_dc_failover(false);
        }
        let serial = match config.cql_serial {
            Serial::Local => SerialConsistency::LocalSerial,
            Serial::Everywhere => SerialConsistency::Serial,
        };
        let profile = ExecutionProfile::builder()
            .consistency(Consistency::LocalQuorum)
            .serial_consistency(Some(serial))
            .request_timeout(Some(timeout))
            .load_balancing_policy(policy.build())
            .build();
        let mut builder = SessionBuilder::new()
            .known_nodes(config.cql_nodes.split(',').map(str::trim).filter(|node| !node.is_empty()))
            .default_execution_profile_handle(profile.into_handle())
            .connection_timeout(CONNECT_WITHIN)
            .keepalive_interval(KEEPALIVE)
            .keepalive_timeout(KEEPALIVE)
            .tcp_nodelay(true)
            // Which replicas a row has is needed; the columns of all tables are not.
            .fetch_full_schema_metadata(false);
        if config.cql_tls {
            builder = builder.tls_context(Some(tls::client(&config.cql_ca_file)?));
        }
        if !config.cql_user.is_empty() {
            builder = builder.user(&config.cql_user, &config.cql_password);
        }
        if let Some(keyspace) = keyspace {
            builder = builder.use_keyspace(keyspace, true);
        }
        let session = builder.build().await.map_err(|error| refused(&error.to_string()))?;
        let deadline = Duration::from_millis(config.send_deadline_ms);
        Ok(Self { session, datacenter: config.cql_datacenter.clone(), serial, timeout, deadline, asked: None })
    }

    /// The driver's session, for what is not prepared: the schema.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// How long a change may be tried.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Counts and times what is sent from now on; a batch counts as one.
    pub(super) fn counted(self, metrics: &Backend) -> Self {
        let [reads, serial_reads, writes, lwts] = ["read", "serial_read", "write", "lwt"].map(|kind| metrics.timed(kind));
        Self { asked: Some(Asked { metrics: metrics.clone(), reads, serial_reads, writes, lwts }), ..self }
    }

    /// Counts a statement, and times it until it is answered. It comes boxed: the driver's futures have 4 KB and more, and whoever holds
    /// several has room for each of them, which is copied wherever that is moved to; a send was 82 KB.
    async fn ask<T, E>(&self, kind: Kind, answer: Pin<Box<impl Future<Output = Result<T, E>>>>) -> Result<T, E> {
        let Some(asked) = &self.asked else { return answer.await };
        asked.metrics.sent.inc();
        let begun = Instant::now();
        let outcome = answer.await;
        let timed = match kind {
            Kind::Read => &asked.reads,
            Kind::ReadSerial => &asked.serial_reads,
            Kind::Write => &asked.writes,
            Kind::Lwt => &asked.lwts,
        };
        timed.ended(begun, &outcome);
        outcome
    }

    /// A statement that is run as its kind says.
    pub(super) async fn prepare(&self, text: &str, kind: Kind) -> Result<PreparedStatement, StoreError> {
        let prepared = self.session.prepare(text).await;
        let mut statement =
            prepared.map_err(|error| StoreError::Unavailable(format!("the database refuses {text:?}: {error}")))?;
        statement.set_is_idempotent(kind != Kind::Lwt);
        statement.set_request_timeout(Some(self.timeout));
        if kind == Kind::Lwt {
            statement.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
        }
        if kind == Kind::ReadSerial {
            statement.set_consistency(match self.serial {
                SerialConsistency::LocalSerial => Consistency::LocalSerial,
                SerialConsistency::Serial => Consistency::Serial,
            });
        }
        Ok(statement)
    }

    /// All rows of a read whose answer is small.
    pub(super) async fn rows<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Vec<R>, StoreError>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
    {
        let kind = match statement.get_consistency() {
            Some(Consistency::LocalSerial | Consistency::Serial) => Kind::ReadSerial,
            _ => Kind::Read,
        };
        let result = self.ask(kind, Box::pin(self.session.execute_unpaged(statement, values))).await.map_err(failed)?;
        let rows = result.into_rows_result().map_err(corrupt)?;
        rows.rows::<R>().map_err(corrupt)?.collect::<Result<_, _>>().map_err(corrupt)
    }

    /// The rows of many partitions. `one` reads one of them by its key, which is a text; `many` reads those of a list of keys.
    ///
    /// Each list goes to a node that has all of it, so that nothing is passed on; if that node fails, to any.
    pub(super) async fn rows_of_keys<R>(
        &self,
        (one, many): (&PreparedStatement, &PreparedStatement),
        keys: &[String],
    ) -> Result<Vec<R>, StoreError>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
    {
        let cluster = self.session.get_cluster_state();
        let mut by_node: HashMap<Option<Uuid>, Vec<&str>> = HashMap::new();
        for key in keys {
            by_node.entry(self.replica(&cluster, one, key)).or_default().push(key);
        }
        let lists = by_node.iter().flat_map(|(node, keys)| keys.chunks(KEYS_AT_ONCE).map(|keys| (*node, keys)));
        let reads = lists.map(|(node, keys)| async move {
            if let Some(node) = node {
                let mut aimed = many.clone();
                let target = SingleTargetLoadBalancingPolicy::new(NodeIdentifier::HostId(node), None);
                aimed.set_load_balancing_policy(Some(target));
                match self.rows(&aimed, (keys,)).await {
                    Err(StoreError::Unavailable(_) | StoreError::TimedOut) => {}
                    answer => return answer,
                }
            }
            self.rows(many, (keys,)).await
        });
        Ok(together(reads.collect()).await?.into_iter().flatten().collect())
    }

    /// A node of the nearest data centre that has a key of the table that a statement reads by key.
    fn replica(&self, cluster: &ClusterState, statement: &PreparedStatement, key: &str) -> Option<Uuid> {
        let (keyspace, table) = (statement.get_keyspace_name()?, statement.get_table_name()?);
        let token = statement.calculate_token(&(key,)).ok()??;
        let replicas = cluster.get_token_endpoints(keyspace, table, token);
        let near = |node: &Node| self.datacenter.is_empty() || node.datacenter.as_ref() == Some(&self.datacenter);
        replicas.iter().find(|(node, _)| near(node)).map(|(node, _)| node.host_id)
    }

    /// The first row of a read, if there is one.
    pub(super) async fn row<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Option<R>, StoreError>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
    {
        Ok(self.rows(statement, values).await?.into_iter().next())
    }

    /// All rows of a read whose answer may be large, read page by page.
    pub(super) async fn paged<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Vec<R>, StoreError>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> + 'static,
    {
        use futures_util::TryStreamExt;
        let pages = async {
            let pager = self.session.execute_iter(statement.clone(), values).await;
            let pager = pager.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            let rows = pager.rows_stream::<R>().map_err(corrupt)?;
            rows.try_collect().await.map_err(|error| StoreError::Unavailable(error.to_string()))
        };
        self.ask(Kind::Read, Box::pin(pages)).await
    }

    /// Writes a row, and tries the same again until it is written or the deadline of a send has passed.
    pub(super) async fn write(&self, statement: &PreparedStatement, values: &impl SerializeRow) -> Result<(), StoreError> {
        let begun = Instant::now();
        loop {
            let written = self.ask(Kind::Write, Box::pin(self.session.execute_unpaged(statement, values))).await;
            match written.map_err(failed) {
                Ok(_) => return Ok(()),
                Err(StoreError::Corrupt(error)) => return Err(StoreError::Corrupt(error)),
                Err(error) if begun.elapsed() + AGAIN_AFTER >= self.deadline => return Err(error),
                Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
            }
        }
    }

    /// Runs a conditional write.
    pub(super) async fn lwt(&self, statement: &PreparedStatement, values: impl SerializeRow) -> Result<Applied, StoreError> {
        applied(self.ask(Kind::Lwt, Box::pin(self.session.execute_unpaged(statement, values))).await)
    }

    /// Runs conditional and other writes on one partition, all or nothing.
    pub(super) async fn lwt_batch(
        &self,
        statements: impl IntoIterator<Item = &PreparedStatement>,
        values: impl BatchValues,
    ) -> Result<Applied, StoreError> {
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_request_timeout(Some(self.timeout));
        batch.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
        statements.into_iter().for_each(|statement| batch.append_statement(statement.clone()));
        applied(self.ask(Kind::Lwt, Box::pin(self.session.batch(&batch, values))).await)
    }
}

/// Why there is no session, with the setting that may be wrong.
fn refused(error: &str) -> StoreError {
    let sentence = if let Some(sentence) = tls::about_certificate(error, "cql_ca_file") {
        sentence
    } else if error.contains("Authentication") {
        "it wants another user or password; see store.cql_user and store.cql_password".to_owned()
    } else if let Some((_, reason)) = error.split_once("Last connection failed with: ") {
        format!("no connection to where store.cql_nodes says; for TLS, store.cql_tls must be true, else false ({reason})")
    } else {
        error.to_owned()
    };
    StoreError::Unavailable(format!("the database: {sentence}"))
}

/// Reads the column `[applied]` by its name: ScyllaDB and Cassandra answer with other rows besides.
fn applied(result: Result<QueryResult, ExecutionError>) -> Result<Applied, StoreError> {
    let result = match result {
        Ok(result) => result,
        Err(ExecutionError::BadQuery(error)) => return Err(corrupt(error)),
        Err(error) if was_not_sent(&error) => return Err(failed(error)),
        Err(error) => {
            tracing::debug!(%error, "a conditional write has an unknown outcome");
            return Ok(Applied::Unknown);
        }
    };
    let rows: QueryRowsResult = result.into_rows_result().map_err(corrupt)?;
    let place = rows.column_specs().iter().position(|column| column.name() == "[applied]");
    let first = rows.rows::<scylla::value::Row>().map_err(corrupt)?.next().transpose().map_err(corrupt)?;
    let value = place.and_then(|place| first?.columns.into_iter().nth(place)?);
    match value.and_then(|value| value.as_boolean()) {
        Some(true) => Ok(Applied::Yes),
        Some(false) => Ok(Applied::No),
        None => Err(StoreError::Corrupt("a conditional write was answered without [applied]".to_owned())),
    }
}

/// Whether the statement certainly reached no replica. An answer such as "unavailable" does not say so: it may come when what was
/// agreed on is to be written.
fn was_not_sent(error: &ExecutionError) -> bool {
    matches!(error, ExecutionError::EmptyPlan | ExecutionError::ConnectionPoolError(_))
}

fn failed(error: ExecutionError) -> StoreError {
    match error {
        ExecutionError::BadQuery(_) => StoreError::Corrupt(error.to_string()),
        ExecutionError::RequestTimeout(_)
        | ExecutionError::LastAttemptError(RequestAttemptError::DbError(
            DbError::ReadTimeout { .. } | DbError::WriteTimeout { .. },
            _,
        )) => StoreError::TimedOut,
        error => StoreError::Unavailable(format!("the database: {error}")),
    }
}

pub(super) fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

/// A session that several parts of the store share.
pub(super) type SharedCql = Arc<Cql>;
