# shellcheck shell=bash
# A Cassandra that demands TLS and a password: Cassandra's own first user, and a certificate of an authority made here.
# Sourced by tests/services.

secured_start() {
  local home=$folder/secured native port
  take_port
  native=$port
  take_port
  mkdir -p "$home/tls"
  secured_certificate "$home/tls" >"$home/tls/log" 2>&1 || die "openssl failed: $home/tls/log"
  configure "$home" 127.0.0.1 "$native" "$port"
  node_start "$home"
  cat >"$home/env" <<ENV
export NEXO_TEST_CQL_SECURED=127.0.0.1:$native
export NEXO_TEST_CQL_SECURED_CA='$home/tls/ca.pem'
ENV
}

# An authority, and a certificate for 127.0.0.1 that it signed, in a store as Java has it, in folder $1.
secured_certificate() {
  local -a key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  (
    cd "$1"
    openssl req -x509 "${key[@]}" -keyout ca.key -out ca.pem -days 30 -subj /CN=authority &&
      openssl req "${key[@]}" -keyout server.key -out server.csr -subj /CN=server &&
      openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out server.pem \
        -extfile <(echo subjectAltName=IP:127.0.0.1) &&
      openssl pkcs12 -export -in server.pem -inkey server.key -out server.p12 -passout pass:cassandra
  )
}

# What the configuration of the node in folder $1 has in place of an open door.
secured_door() {
  cat <<YAML
authenticator: PasswordAuthenticator
client_encryption_options:
  enabled: true
  optional: false
  keystore: $1/tls/server.p12
  keystore_password: cassandra
  store_type: PKCS12
  require_client_auth: false
YAML
}

# Whether the node in folder $1 speaks TLS with the right certificate; then it has its first user.
secured_serves() {
  local native
  native=$(sed -n 's/^native_transport_port: //p' "$1/conf/cassandra.yaml")
  timeout 5 openssl s_client -connect "127.0.0.1:$native" -CAfile "$1/tls/ca.pem" -verify_return_error \
    </dev/null >/dev/null 2>&1
}

secured_answers() {
  secured_serves "$folder/secured"
}
