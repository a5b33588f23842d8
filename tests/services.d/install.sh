# shellcheck shell=bash
# What the test services and tests are made of: Debian's packages, and Cassandra's jars by Maven. Sourced by tests/services.

cassandra_version=5.0.6
cassandra_jars=${XDG_CACHE_HOME:-$HOME/.cache}/nexo/cassandra-$cassandra_version

# The `java` of a JDK 17, in $java. Cassandra 5 does not run on newer ones (it calls System.setSecurityManager).
find_java() {
  for java in "${JAVA_HOME:-}/bin/java" /usr/lib/jvm/*17*/bin/java "$(command -v java || true)"; do
    if [ -x "$java" ] && "$java" -version 2>&1 | grep -q 'version "17\.'; then return; fi
  done
  return 1
}

install_packages() {
  local -a missing=()
  command -v redis-server >/dev/null && command -v redis-cli >/dev/null || missing+=(redis-server)
  command -v redis-sentinel >/dev/null || missing+=(redis-sentinel)
  command -v openssl >/dev/null || missing+=(openssl)
  command -v strace >/dev/null || missing+=(strace)
  command -v haproxy >/dev/null || [ -x /usr/sbin/haproxy ] || missing+=(haproxy)
  command -v promtool >/dev/null || missing+=(prometheus)
  find_java || missing+=(openjdk-17-jdk-headless)
  command -v mvn >/dev/null || [ -d "$cassandra_jars" ] || missing+=(maven)
  [ "${#missing[@]}" -gt 0 ] || return 0
  by_apt "${missing[@]}"
}

# Complete or not there: a download that was cut off leaves nothing behind that looks like one.
install_cassandra() {
  [ ! -d "$cassandra_jars" ] || return 0
  say "fetches Cassandra $cassandra_version"
  mkdir -p "$(dirname "$cassandra_jars")"
  local new
  new=$(mktemp -d "$cassandra_jars.XXXXXX")
  # shellcheck disable=SC2064 # the folder of now is meant
  trap "rm -rf '$new'" EXIT
  cat >"$new/pom.xml" <<XML
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>nexo</groupId><artifactId>cassandra</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>$cassandra_version</version>
  </dependency></dependencies>
</project>
XML
  mvn -q -B -f "$new/pom.xml" dependency:copy-dependencies -DoutputDirectory="$new/lib" -DincludeScope=runtime >&2
  [ -e "$new/lib/cassandra-all-$cassandra_version.jar" ] || die "Maven fetched no cassandra-all"
  # Another run may have been quicker; one of the two is enough.
  mv -T "$new/lib" "$cassandra_jars" 2>/dev/null || [ -d "$cassandra_jars" ]
}

install() {
  install_packages
  install_cassandra
}
