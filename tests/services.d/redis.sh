# shellcheck shell=bash
# Redis: one server; a master with a replica and a Sentinel; a cluster of three masters. Sourced by tests/services.

# Starts a server in folder $1 on port $2, with more arguments if there are any, and waits until it answers.
redis_start() {
  local home=$1 port=$2
  shift 2
  mkdir -p "$home"
  launch "$home" redis-server --bind 127.0.0.1 --port "$port" --dir "$home" --save '' --appendonly no \
    --maxmemory-policy noeviction --repl-diskless-sync-delay 0 "$@"
  await "$home" redis_says "$port" PONG ping
  echo "$port" >"$home/port"
}

# Whether the answer of the server on port $1 to a command contains $2.
redis_says() {
  local port=$1 expected=$2 answer
  shift 2
  answer=$(timeout 5 redis-cli -h 127.0.0.1 -p "$port" "$@" 2>/dev/null) && [[ $answer == *"$expected"* ]]
}

redis_one_start() {
  local port
  take_port
  redis_start "$folder/redis-one/server" "$port"
  echo "export NEXO_TEST_REDIS=redis://127.0.0.1:$port" >"$folder/redis-one/env"
}

redis_one_answers() {
  redis_says "$(cat "$folder/redis-one/server/port")" PONG ping
}

sentinel_start() {
  local home=$folder/sentinel master replica port
  take_port
  master=$port
  take_port
  replica=$port
  redis_start "$home/master" "$master"
  redis_start "$home/replica" "$replica" --replicaof 127.0.0.1 "$master"
  await "$home/replica" redis_says "$replica" master_link_status:up info replication
  take_port
  mkdir -p "$home/sentinel"
  cat >"$home/sentinel/sentinel.conf" <<CONF
bind 127.0.0.1
port $port
dir "$home/sentinel"
sentinel monitor nexo 127.0.0.1 $master 1
sentinel down-after-milliseconds nexo 2000
sentinel failover-timeout nexo 10000
CONF
  launch "$home/sentinel" redis-sentinel "$home/sentinel/sentinel.conf"
  echo "$port" >"$home/sentinel/port"
  await "$home/sentinel" sentinel_answers
  echo "export NEXO_TEST_REDIS_SENTINEL='redis-sentinel://127.0.0.1:$port?sentinelServiceName=nexo'" >"$home/env"
}

# Whether the Sentinel knows a master that is up, and its replica.
sentinel_answers() {
  redis_says "$(cat "$folder/sentinel/sentinel/port")" 'status=ok,address=127.0.0.1' info sentinel &&
    redis_says "$(cat "$folder/sentinel/sentinel/port")" 'slaves=1' info sentinel
}

cluster_start() {
  local home=$folder/cluster port bus number
  local -a ports=() buses=()
  for number in 0 1 2; do
    take_port
    bus=$port
    take_port
    ports+=("$port") buses+=("$bus")
    redis_start "$home/$number" "$port" --cluster-enabled yes --cluster-config-file nodes.conf --cluster-port "$bus"
  done
  for number in 0 1 2; do
    redis_says "${ports[number]}" OK cluster addslotsrange $((number * 16384 / 3)) $(((number + 1) * 16384 / 3 - 1))
    redis_says "${ports[number]}" OK cluster set-config-epoch $((number + 1))
  done
  for number in 1 2; do
    redis_says "${ports[0]}" OK cluster meet 127.0.0.1 "${ports[number]}" "${buses[number]}"
  done
  for number in 0 1 2; do
    await "$home/$number" redis_says "${ports[number]}" cluster_state:ok cluster info
  done
  echo "export NEXO_TEST_REDIS_CLUSTER='redis-cluster://127.0.0.1:${ports[0]}?node=127.0.0.1:${ports[1]}&node=127.0.0.1:${ports[2]}'" \
    >"$home/env"
}

cluster_answers() {
  local number
  for number in 0 1 2; do
    redis_says "$(cat "$folder/cluster/$number/port")" cluster_state:ok cluster info || return 1
  done
}
