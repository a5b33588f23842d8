# shellcheck shell=bash
# What several of the scripts that test something do alike. Sourced by them, from the project's root; they have `say` and `die`.

# Installs Debian's packages $@.
by_apt() {
  command -v apt-get >/dev/null || die "please install, by this system's own means: $*"
  say "installs $*"
  local -a as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
  ${as_root[@]+"${as_root[@]}"} apt-get update -q >&2
  ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2
}

# Names in NEXO_BINARY, unless it names one already, the newest binary in `target`; if there is none, a debug build.
find_binary() {
  local target=${CARGO_TARGET_DIR:-target} newest='' built
  if [ -z "${NEXO_BINARY:-}" ]; then
    for built in "$target/release/nexo" "$target/debug/nexo"; do
      if [ -x "$built" ] && { [ -z "$newest" ] || [ "$built" -nt "$newest" ]; }; then
        newest=$built
      fi
    done
    [ -n "$newest" ] || {
      cargo build --bin nexo
      newest=$target/debug/nexo
    }
    NEXO_BINARY=$(realpath "$newest")
  fi
  export NEXO_BINARY
}

# Starts NEXO_BINARY on a free port, without rate limits, with all that it writes in the empty folder $1. Names its address in
# NEXO_URL, and its process in `server`.
start_server() {
  local left first=''
  # It is read before the server has come so far as to make it.
  : >"$1/out"
  NEXO__LIMITS__ENABLED=false "$NEXO_BINARY" serve --listen 127.0.0.1:0 --data "$1/data" >"$1/out" 2>"$1/log" &
  server=$!
  for ((left = 200; left > 0; left--)); do
    read -r first <"$1/out" || true
    if [ -n "$first" ]; then
      export NEXO_URL=${first##* }
      return
    fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$1/log" >&2
  die "the server did not start"
}

# Ends what `start_server` has started.
stop_server() {
  [ -n "${server:-}" ] || return 0
  kill "$server" 2>/dev/null || true
  wait "$server" || true
}
