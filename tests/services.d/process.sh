# shellcheck shell=bash
# Ports and processes of the test services. Sourced by tests/services, which sets $folder.

say() {
  echo "services: $*" >&2
}

die() {
  say "$*"
  exit 1
}

# Waits until no other run of this script works in $folder, and keeps others waiting until this one ends. Asked to end, it
# ends its background jobs too.
begin() {
  exec {lock}>"$folder/lock"
  flock "$lock"
  trap 'trap - TERM; kill $(jobs -p) 2>/dev/null; exit 143' TERM
  identify $$ >"$folder/busy"
}

# Asks the run that is at work in $folder to end; `begin` then waits until it has.
interrupt() {
  if running "$folder/busy" && [ "$pid" != $$ ]; then kill -TERM "$pid" || true; fi
}

# The pid $1 and when that process started (in clock ticks since boot): together they name a process once, for a pid alone
# may be another's by now. Nothing if it does not run.
identify() {
  local stat
  local -a fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -r -a fields <<<"${stat##*) }"
  # A zombie only waits for its parent to look.
  [ "${fields[0]}" != Z ] || return 1
  echo "$1 ${fields[19]}"
}

# Whether the process of pid file $1 runs; its pid is in $pid.
running() {
  local was
  { read -r was <"$1"; } 2>/dev/null || return 1
  pid=${was% *}
  [ "$(identify "$pid")" = "$was" ]
}

# Whether every process of the part in folder $1 runs.
all_run() {
  local file
  while read -r file; do
    running "$file" || return 1
  done < <(find "$1" -name pid)
}

# Starts a program in folder $1, in a session of its own; its output goes to log there, its pid to pid. It writes the pid
# itself, before it lets go of the lock: `down` then knows every process.
launch() {
  local home=$1
  shift
  (
    cd "$home" || exit
    # In one step, or `await` could find it empty.
    identify "$BASHPID" >pid.new
    mv pid.new pid
    exec setsid "$@" </dev/null >>log 2>&1 {lock}>&-
  ) &
}

# Asks again and again until a command succeeds; gives up after two minutes, or when the process of folder $1 has ended.
await() {
  local home=$1 end=$((SECONDS + 120))
  shift
  until "$@"; do
    if [ -e "$home/pid" ] && ! running "$home/pid"; then
      tail -n 20 "$home/log" >&2
      die "the process of $home has ended"
    fi
    ((SECONDS < end)) || die "the process of $home does not serve: $*"
    sleep 0.2
  done
}

# Stops every process that has a pid file below folder $1: TERM, and KILL for those that are there 10 s later.
stop() {
  local file end=$((SECONDS + 10))
  local -a left=() files=()
  mapfile -t files < <(find "$1" -name pid 2>/dev/null)
  for file in ${files[@]+"${files[@]}"}; do
    if running "$file"; then
      kill -TERM "$pid" || true
      # One that is paused hears TERM only when it goes on.
      kill -CONT "$pid" || true
      left+=("$file")
    fi
  done
  while [ "${#left[@]}" -gt 0 ]; do
    files=("${left[@]}")
    left=()
    for file in "${files[@]}"; do
      if running "$file"; then
        left+=("$file")
        if ((SECONDS >= end)); then kill -KILL "$pid" || true; fi
      fi
    done
    if [ "${#left[@]}" -gt 0 ]; then sleep 0.1; fi
  done
}

# A TCP port that nobody uses, in $port. A lock on it is inherited by what is started afterwards and goes with it: two runs
# that start at the same moment never take the same port.
take_port() {
  local locks=${TMPDIR:-/tmp}/nexo-ports-$UID hex held
  mkdir -p "$locks"
  while :; do
    # Below the ports that Linux gives to outgoing connections (32,768 and up).
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    printf -v hex ':%04X ' "$port"
    exec {held}>"$locks/$port"
    if flock -n "$held" && ! grep -qs "$hex" /proc/net/tcp /proc/net/tcp6; then return; fi
    exec {held}>&-
  done
}
