# shellcheck shell=bash
# Apache Cassandra, one node and three. Sourced by tests/services.

# What JDK 17 must open to Cassandra, as one @file for the java command line.
jvm_arguments() {
  local name
  for name in java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch \
    java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry java.rmi/sun.rmi.server \
    java.rmi/sun.rmi.transport.tcp java.sql/java.sql jdk.unsupported/sun.misc jdk.attach/sun.tools.attach \
    jdk.compiler/com.sun.tools.javac.file; do
    echo "--add-exports $name=ALL-UNNAMED"
  done
  for name in java.base/{java.lang.module,jdk.internal.loader,jdk.internal.ref,jdk.internal.reflect} \
    java.base/{jdk.internal.math,jdk.internal.module,jdk.internal.util.jar,java.lang,java.io,java.lang.reflect} \
    java.base/{java.util,java.util.concurrent,java.util.concurrent.atomic,java.nio,sun.nio.ch} \
    java.management/com.sun.jmx.remote.internal java.management/sun.management java.rmi/sun.rmi.transport \
    jdk.management/com.sun.management.internal; do
    echo "--add-opens $name=ALL-UNNAMED"
  done
  echo "-XX:+UseG1GC -Xss256k -Djdk.attach.allowAttachSelf=true -Dio.netty.tryReflectionSetAccessible=true"
  # The first user is made before the node serves, not 10 s later.
  echo "-Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.superuser_setup_delay_ms=0"
}

# Writes the configuration of a node into folder $1: address $2, native port $3, storage port $4. The nodes of a database of
# three are all seeds, so that each of them can be started again while the others are away.
configure() {
  local home=$1 address=$2 native=$3 storage=$4 tokens=1 seeds=127.0.0.1:$4 heap=1G ring_delay=0 door
  if [[ $home == */three/* ]]; then
    tokens=4 seeds="127.0.0.1:$4,127.0.0.2:$4,127.0.0.3:$4" heap=512M ring_delay=2000
  fi
  door="authenticator: AllowAllAuthenticator"
  if [[ $home == */secured ]]; then heap=512M door=$(secured_door "$home"); fi
  mkdir -p "$home/conf" "$home/tmp"
  {
    jvm_arguments
    echo "-Xms$heap -Xmx$heap -Dcassandra.ring_delay_ms=$ring_delay -Dcassandra.config=\"file://$home/conf/cassandra.yaml\""
    echo "-Dcassandra.storagedir=\"$home/data\" -Dlogback.configurationFile=\"$home/conf/logback.xml\""
    echo "-Djava.io.tmpdir=\"$home/tmp\" -cp \"$home/conf:$cassandra_jars/*\""
  } >"$home/conf/java.args"
  cat >"$home/conf/logback.xml" <<XML
<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %date{ISO8601} %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
XML
  cat >"$home/conf/cassandra.yaml" <<YAML
cluster_name: nexo $storage
num_tokens: $tokens
auto_bootstrap: false
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "$seeds"
listen_address: $address
rpc_address: $address
storage_port: $storage
# TLS is off; a number is demanded all the same.
ssl_storage_port: $((storage + 1))
native_transport_port: $native
start_native_transport: true
endpoint_snitch: SimpleSnitch
# Durable before the answer, as in earnest.
commitlog_sync: batch
data_file_directories: ["$home/data/data"]
commitlog_directory: $home/data/commitlog
saved_caches_directory: $home/data/saved_caches
hints_directory: $home/data/hints
cdc_raw_directory: $home/data/cdc_raw
$door
authorizer: AllowAllAuthorizer
auto_snapshot: false
YAML
}

# Starts the node that is configured in folder $1, and waits until it answers a query.
node_start() {
  local home=$1
  find_java || die "there is no JDK 17: tests/services install"
  [ -d "$cassandra_jars" ] || die "there is no Cassandra: tests/services install"
  launch "$home" "$java" "@$home/conf/java.args" org.apache.cassandra.service.CassandraDaemon
  await "$home" serves "$home"
}

serves() {
  if [[ $1 == */secured ]]; then
    secured_serves "$1"
    return
  fi
  local address native
  address=$(sed -n 's/^rpc_address: //p' "$1/conf/cassandra.yaml")
  native=$(sed -n 's/^native_transport_port: //p' "$1/conf/cassandra.yaml")
  cql "$address" "$native" one 'SELECT release_version FROM system.local'
}

# A number as $1 bytes, most significant first, as printf writes them.
bytes() {
  local digits at
  printf -v digits "%0$((2 * $1))x" "$2"
  for ((at = 0; at < ${#digits}; at += 2)); do printf '\\x%s' "${digits:at:2}"; done
}

# Asks the node at $1:$2 the query $4 at consistency $3 (one or all), in version 4 of CQL's native protocol; succeeds if it
# is answered with a result. There is no cqlsh among Cassandra's jars.
cql() {
  local address=$1 native=$2 level=1 query=$4 hello
  if [ "$3" = all ]; then level=5; fi
  hello="$(bytes 2 1)$(bytes 2 11)CQL_VERSION$(bytes 2 5)3.0.0"
  query="$(bytes 4 ${#query})$query$(bytes 2 "$level")$(bytes 1 0)"
  (
    exec 3<>"/dev/tcp/$address/$native" || exit 1
    # STARTUP is answered with READY (2), QUERY (7) with RESULT (8).
    [ "$(frame 1 22 "$hello")" = 02 ] && [ "$(frame 7 $((${#4} + 7)) "$query")" = 08 ]
  ) 2>/dev/null
}

# Sends a frame with opcode $1 and the body $3 of $2 bytes; prints the opcode of the answer.
frame() {
  local -a head
  # shellcheck disable=SC2059 # the bytes are escapes, for printf to read
  printf "\\x04\\x00\\x00\\x00$(bytes 1 "$1")$(bytes 4 "$2")${3//%/%%}" >&3
  read -r -a head < <(timeout 10 od -An -v -tx1 -N9 <&3)
  timeout 10 head -c "$((16#${head[5]}${head[6]}${head[7]}${head[8]}))" <&3 >/dev/null
  echo "${head[4]}"
}

one_start() {
  local home=$folder/one native port
  take_port
  native=$port
  take_port
  configure "$home" 127.0.0.1 "$native" "$port"
  node_start "$home"
  echo "export NEXO_TEST_CQL=127.0.0.1:$native" >"$home/env"
}

one_answers() {
  serves "$folder/one"
}

# One after the other: nodes that join at once may disagree on the ring.
three_start() {
  local home=$folder/three native port number
  take_port
  native=$port
  take_port
  for number in 1 2 3; do
    configure "$home/$number" "127.0.0.$number" "$native" "$port"
    node_start "$home/$number"
  done
  await_agreement
  three_env
}

three_env() {
  local native number pids=""
  native=$(sed -n 's/^native_transport_port: //p' "$folder/three/1/conf/cassandra.yaml")
  for number in 1 2 3; do
    read -r pid _ <"$folder/three/$number/pid"
    pids+=,$pid
  done
  cat >"$folder/three/env.new" <<ENV
export NEXO_TEST_CQL_THREE=127.0.0.1:$native,127.0.0.2:$native,127.0.0.3:$native
export NEXO_TEST_CQL_THREE_PIDS=${pids#,}
ENV
  mv "$folder/three/env.new" "$folder/three/env"
}

# Waits until each of the three nodes sees all three up: it reads with ALL from a table that each has a copy of.
await_agreement() {
  local native number
  native=$(sed -n 's/^native_transport_port: //p' "$folder/three/1/conf/cassandra.yaml")
  await "$folder/three/1" cql 127.0.0.1 "$native" one \
    "CREATE KEYSPACE IF NOT EXISTS ready WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}"
  await "$folder/three/1" cql 127.0.0.1 "$native" one 'CREATE TABLE IF NOT EXISTS ready.ready (id int PRIMARY KEY)'
  for number in 1 2 3; do
    await "$folder/three/$number" agrees "$number" "$native"
  done
}

agrees() {
  cql "127.0.0.$1" "$2" all 'SELECT id FROM ready.ready WHERE id = 1'
}

three_answers() {
  local native number
  native=$(sed -n 's/^native_transport_port: //p' "$folder/three/1/conf/cassandra.yaml")
  for number in 1 2 3; do
    agrees "$number" "$native" || return 1
  done
}

# Starts node $1 of the three again, unless it runs; if all three run then, waits until they see each other.
three_again() {
  local home=$folder/three/$1
  if running "$home/pid"; then await "$home" serves "$home"; else node_start "$home"; fi
  if all_run "$folder/three"; then await_agreement; fi
  three_env
  cut -d ' ' -f 1 "$home/pid"
}
