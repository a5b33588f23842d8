{{/* What cannot work is refused, each with a sentence that names the value and the mend. The schema refuses what is of a wrong shape. */}}
{{- define "nexo.checks" -}}
{{- $wrong := list -}}
{{- range $check := list "image" "config" "store" "secrets" "drain" "scaling" "doors" "network" -}}
{{- range include (printf "nexo.checks.%s" $check) $ | splitList "\n" -}}
{{- with trim . -}}{{- $wrong = append $wrong . -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- with $wrong -}}
{{- fail (printf "\n\nThese values cannot work:\n  - %s\n" (join "\n  - " .)) -}}
{{- end -}}
{{- end -}}

{{- define "nexo.checks.image" -}}
{{- if not .Values.image.repository }}
image.repository: expects the image of Nexo, such as registry.example.com/nexo; the Dockerfile builds it
{{- end }}
{{- end -}}

{{- define "nexo.checks.config" -}}
{{- $config := .Values.config -}}
{{- if regexMatch "^(127\\.|\\[::1\\]|localhost:)" $config.server.listen }}
config.server.listen: {{ $config.server.listen }} is heard inside of the pod only; give 0.0.0.0:8080 or [::]:8080
{{- end }}
{{- range .Values.extraEnv }}
{{- if hasPrefix "NEXO__SERVER__" .name }}
extraEnv: {{ .name }} is a setting that the chart reckons with; give it in config.server
{{- end }}
{{- end }}
{{- if and .Values.tls.existingSecret (or $config.server.tls_cert_file $config.server.tls_key_file) }}
tls.existingSecret: sets config.server.tls_cert_file and tls_key_file, which are given too; take them out
{{- else if ne (empty $config.server.tls_cert_file) (empty $config.server.tls_key_file) }}
config.server: TLS needs tls_cert_file and tls_key_file; give both, or tls.existingSecret
{{- end }}
{{- $auth := $config.auth | default dict -}}
{{- $secrets := dict "secrets.auth" $auth.secret "secrets.otherAuth" $auth.other_secret
  "secrets.redisUrl" ($config.store | default dict).redis_url "secrets.cqlPassword" ($config.store | default dict).cql_password }}
{{- range $place, $secret := $secrets }}
{{- if $secret }}
{{ $place }}: a secret in config would stand in a ConfigMap, for everybody who may read that; give it here
{{- end }}
{{- end }}
{{- end -}}

{{- define "nexo.checks.store" -}}
{{- $store := .Values.config.store | default dict -}}
{{- $redis := or (include "nexo.secretGiven" .Values.secrets.redisUrl) .Values.redis.enabled -}}
{{- $database := or $store.cql_nodes .Values.scylladb.enabled -}}
{{- if eq .Values.mode "embedded" }}
{{- if or $redis $database (include "nexo.secretGiven" .Values.secrets.redisPassword) (include "nexo.secretGiven" .Values.secrets.cqlPassword) }}
mode: embedded uses neither a database nor Redis; set mode to cluster, or take out what is said of them
{{- end }}
{{- if and (not (kindIs "invalid" .Values.replicas)) (ne (int .Values.replicas) 1) }}
replicas: embedded is one process with its own disk, so it has 1; more need mode: cluster
{{- end }}
{{- if .Values.autoscaling.enabled }}
autoscaling.enabled: embedded is one process with its own disk and cannot be scaled; that needs mode: cluster
{{- end }}
{{- else }}
{{- if not $database }}
config.store.cql_nodes: a cluster needs a database, such as scylla-0.db:9042,scylla-1.db:9042; for a trial set scylladb.enabled
{{- end }}
{{- if not $redis }}
secrets.redisUrl: a cluster needs Redis: give a value or an existingSecret; for a trial set redis.enabled
{{- end }}
{{- if and $store.cql_nodes .Values.scylladb.enabled }}
scylladb.enabled: config.store.cql_nodes names another database; there can be only one
{{- end }}
{{- if and (include "nexo.secretGiven" .Values.secrets.redisUrl) .Values.redis.enabled }}
redis.enabled: secrets.redisUrl names another Redis; there can be only one
{{- end }}
{{- if and .Values.scylladb.enabled (not .Values.migrate.enabled) }}
migrate.enabled: nobody else makes the tables of the chart's own ScyllaDB; set it to true
{{- end }}
{{- end }}
{{- end -}}

{{- define "nexo.checks.secrets" -}}
{{- $secrets := .Values.secrets -}}
{{- range $name, $secret := $secrets }}
{{- if and $secret.value $secret.existingSecret }}
secrets.{{ $name }}: has a value and an existingSecret; give one of them
{{- end }}
{{- end }}
{{- if and (eq .Values.mode "cluster") (not (include "nexo.secretGiven" $secrets.auth)) }}
secrets.auth: a cluster needs one secret for all nodes, at least 32 bytes: give a value or an existingSecret
{{- end }}
{{- range $name, $secret := pick $secrets "auth" "otherAuth" }}
{{- if and $secret.value (lt (len $secret.value) 32) }}
secrets.{{ $name }}.value: expects at least 32 bytes, such as openssl rand -hex 32 prints
{{- end }}
{{- end }}
{{- $slot := "$(REDIS_PASSWORD)" }}
{{- if include "nexo.secretGiven" $secrets.redisPassword }}
{{- if not (contains $slot $secrets.redisUrl.value) }}
secrets.redisPassword: goes into secrets.redisUrl.value, which must hold {{ $slot }}, as in redis://nexo:{{ $slot }}@redis:6379
{{- end }}
{{- else if contains $slot $secrets.redisUrl.value }}
secrets.redisUrl.value: holds {{ $slot }}, so secrets.redisPassword must be given
{{- end }}
{{- $user := (.Values.config.store | default dict).cql_user }}
{{- $password := include "nexo.secretGiven" $secrets.cqlPassword }}
{{- if and $user (not $password) }}
secrets.cqlPassword: config.store.cql_user is given, so its password must be too
{{- else if and $password (not $user) (eq .Values.mode "cluster") }}
config.store.cql_user: secrets.cqlPassword is given, so its user must be too
{{- end }}
{{- range $name, $ca := .Values.certificates }}
{{- if and $ca.existingSecret (ne $.Values.mode "cluster") }}
certificates.{{ $name }}: embedded connects to nothing; take it out, or set mode to cluster
{{- end }}
{{- end }}
{{- end -}}

{{- define "nexo.checks.drain" -}}
{{- $least := include "nexo.drainSeconds" . | int -}}
{{- if lt (include "nexo.graceSeconds" . | int) $least }}
terminationGracePeriodSeconds: is below the {{ $least }} s that preStopSeconds, config.server.drain_pause_ms and config.server.drain_ms
{{- " take together, so nodes would be killed while they drain; raise it, or leave it out to have it derived" }}
{{- end }}
{{- end -}}

{{- define "nexo.checks.scaling" -}}
{{- $pdb := .Values.podDisruptionBudget -}}
{{- if and $pdb.enabled (has ($pdb.maxUnavailable | toString) (list "0" "0%")) }}
podDisruptionBudget.maxUnavailable: 0 blocks every drain of a machine; give at least 1
{{- end }}
{{- with .Values.rollout }}
{{- if and (has (.maxSurge | toString) (list "0" "0%")) (has (.maxUnavailable | toString) (list "0" "0%")) }}
rollout: with maxSurge and maxUnavailable both 0 no pod can ever be replaced; raise one of them
{{- end }}
{{- end }}
{{- with .Values.autoscaling }}
{{- if .enabled }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
autoscaling.minReplicas: is above autoscaling.maxReplicas
{{- end }}
{{- if not (or .targetCPUPercent .targetConnections) }}
autoscaling: needs targetCPUPercent, targetConnections, or both
{{- end }}
{{- if and .targetCPUPercent (not (dig "requests" "cpu" "" $.Values.resources)) }}
autoscaling.targetCPUPercent: is a share of resources.requests.cpu, which is not given
{{- end }}
{{- $most := ($.Values.config.server.max_connections | default 20000) | int64 }}
{{- if ge (int64 (.targetConnections | default 0)) $most }}
autoscaling.targetConnections: must be below config.server.max_connections, which is {{ $most }}: pods would be full before others are added
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "nexo.checks.doors" -}}
{{- $silence := div (add ((.Values.config.ws | default dict).silence_ms | default 75000 | int64) 999) 1000 -}}
{{- with .Values.ingress }}
{{- if .enabled }}
{{- if not .hosts }}
ingress.hosts: expects at least one host, such as chat.example.com
{{- end }}
{{- if le (int64 .websocketTimeoutSeconds) $silence }}
ingress.websocketTimeoutSeconds: must be above the {{ $silence }} s of config.ws.silence_ms, or the proxy cuts connections that are well
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.gateway }}
{{- if .enabled }}
{{- if not .hosts }}
gateway.hosts: expects at least one host, such as chat.example.com
{{- end }}
{{- if not .parentRefs }}
gateway.parentRefs: expects the Gateway that the route is for, such as [{name: public, namespace: gateways}]
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "nexo.checks.network" -}}
{{- $policy := .Values.networkPolicy -}}
{{- if and $policy.enabled (eq .Values.mode "cluster") }}
{{- $nodes := (.Values.config.store | default dict).cql_nodes | default "" }}
{{- range regexFindAll ":[0-9]+ *(,|$)" $nodes -1 }}
{{- $port := regexFind "[0-9]+" . }}
{{- if not (has $port (toStrings $policy.cqlPorts)) }}
networkPolicy.cqlPorts: config.store.cql_nodes has the port {{ $port }}, which the policy would block; add it
{{- end }}
{{- end }}
{{- range regexFindAll ":[0-9]+(/|\\?|&|$)" .Values.secrets.redisUrl.value -1 }}
{{- $port := regexFind "[0-9]+" . }}
{{- if not (has $port (toStrings $policy.redisPorts)) }}
networkPolicy.redisPorts: secrets.redisUrl has the port {{ $port }}, which the policy would block; add it
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
