# shellcheck shell=bash
# What several of the scripts that test something do alike. Sourced by them, from the project's root; they have `say` and `die`.

# Installs Debian's packages $@.
by_apt() {
  command -v apt-get >/dev/null || die "please install, by this system's own means: $*"
  say "installs $*"
  local -a root=()
  if [ "$(id -u)" != 0 ]; then root=(sudo); fi
  ${root[@]+"${root[@]}"} apt-get update -q >&2
  ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2
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
