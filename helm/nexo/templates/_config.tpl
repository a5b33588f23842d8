{{/* The configuration that is in effect, without secrets: .Values.config and what follows from other values. */}}
{{- define "nexo.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $store := $config.store | default dict -}}
{{- $_ := set $store "mode" .Values.mode -}}
{{- if eq .Values.mode "embedded" -}}
{{- $_ := set $store "data" "/var/lib/nexo/nexo-data" -}}
{{- end -}}
{{- if .Values.scylladb.enabled -}}
{{- $_ := set $store "cql_nodes" (printf "%s-scylladb:9042" (include "nexo.fullname" .)) -}}
{{- $_ := set $store "cql_replication" "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}" -}}
{{- end -}}
{{- range $name := list "cql" "redis" -}}
{{- if (index $.Values.certificates $name).existingSecret -}}
{{- $_ := set $store (printf "%s_ca_file" $name) (printf "/etc/nexo/%s-ca/ca.pem" $name) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $config "store" $store -}}
{{- if .Values.tls.existingSecret -}}
{{- $_ := set $config.server "tls_cert_file" "/etc/nexo/tls/tls.crt" -}}
{{- $_ := set $config.server "tls_key_file" "/etc/nexo/tls/tls.key" -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* "https" if nodes speak TLS themselves, else "http". */}}
{{- define "nexo.scheme" -}}
{{- if or .Values.tls.existingSecret .Values.config.server.tls_cert_file -}}https{{- else -}}http{{- end -}}
{{- end -}}

{{/* The same as TOML. Not by toToml: numbers of values are floats, and whole ones would be written as such. A JSON string is a TOML one. */}}
{{- define "nexo.toml" -}}
{{- range $section, $settings := include "nexo.config" . | fromYaml }}
{{- if $settings }}
[{{ $section }}]
{{- range $name, $value := $settings }}
{{ $name }} = {{ if and (kindIs "float64" $value) (eq (float64 $value) (floor $value)) }}{{ int64 $value }}{{ else }}{{ toJson $value }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What the Secret of the chart holds, by key. An URL that a password is put into is no secret. */}}
{{- define "nexo.chartSecrets" -}}
{{- $mine := dict -}}
{{- range $name, $secret := .Values.secrets -}}
{{- $template := and (eq $name "redisUrl") (include "nexo.secretGiven" $.Values.secrets.redisPassword) -}}
{{- if and $secret.value (not $template) -}}{{- $_ := set $mine $secret.key $secret.value -}}{{- end -}}
{{- end -}}
{{- toYaml $mine -}}
{{- end -}}

{{/* An environment variable from a secret, if there is one. Takes root, own (the name of the chart's Secret), name, variable. */}}
{{- define "nexo.secretEnv" -}}
{{- $secret := index .root.Values.secrets .name -}}
{{- if or $secret.value $secret.existingSecret }}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret.existingSecret | default .own }}
      key: {{ $secret.key }}
{{- end -}}
{{- end -}}

{{/* The environment of a container that runs nexo. Takes root, and own (the name of the chart's Secret). */}}
{{- define "nexo.env" -}}
{{- $values := .root.Values -}}
{{- include "nexo.secretEnv" (dict "root" .root "own" .own "name" "auth" "variable" "NEXO__AUTH__SECRET") -}}
{{- include "nexo.secretEnv" (dict "root" .root "own" .own "name" "otherAuth" "variable" "NEXO__AUTH__OTHER_SECRET") -}}
{{- if eq $values.mode "cluster" -}}
{{- include "nexo.secretEnv" (dict "root" .root "own" .own "name" "cqlPassword" "variable" "NEXO__STORE__CQL_PASSWORD") -}}
{{- if $values.redis.enabled }}
- name: NEXO__STORE__REDIS_URL
  value: redis://{{ include "nexo.fullname" .root }}-redis:6379
{{- else if include "nexo.secretGiven" $values.secrets.redisPassword -}}
{{- /* It must stand before what it is put into. */ -}}
{{- include "nexo.secretEnv" (dict "root" .root "own" .own "name" "redisPassword" "variable" "REDIS_PASSWORD") }}
- name: NEXO__STORE__REDIS_URL
  value: {{ $values.secrets.redisUrl.value | quote }}
{{- else -}}
{{- include "nexo.secretEnv" (dict "root" .root "own" .own "name" "redisUrl" "variable" "NEXO__STORE__REDIS_URL") -}}
{{- end -}}
{{- end -}}
{{- with $values.extraEnv }}
{{ toYaml . }}
{{- end -}}
{{- end -}}

{{/* "true" if the secret has a value or is in a Secret that exists. */}}
{{- define "nexo.secretGiven" -}}
{{- if or .value .existingSecret -}}true{{- end -}}
{{- end -}}
