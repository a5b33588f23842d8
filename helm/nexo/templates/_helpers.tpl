{{- define "nexo.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 50 characters, so that what is appended to it still is a name. */}}
{{- define "nexo.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "nexo.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "nexo.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a component; it can never change. Takes root and component. */}}
{{- define "nexo.selector" -}}
app.kubernetes.io/name: {{ include "nexo.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Takes root and component. */}}
{{- define "nexo.labels" -}}
{{ include "nexo.selector" . }}
app.kubernetes.io/part-of: nexo
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of pods: nothing that changes with the chart, or its update would restart what stays the same. Takes root and component. */}}
{{- define "nexo.podLabels" -}}
{{ include "nexo.selector" . }}
app.kubernetes.io/part-of: nexo
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* name, namespace and labels of an object. Takes root, component, and suffix if the name has one. */}}
{{- define "nexo.metadata" -}}
name: {{ include "nexo.fullname" .root }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "nexo.labels" . | nindent 2 }}
{{- end -}}

{{- define "nexo.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "nexo.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "nexo.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "nexo.replicas" -}}
{{- if eq .Values.mode "embedded" -}}1
{{- else -}}{{ ternary 3 .Values.replicas (kindIs "invalid" .Values.replicas) }}
{{- end -}}
{{- end -}}

{{/* How the schema is migrated: hook, init (with the database of the chart, which is not there yet when hooks run) or nothing. */}}
{{- define "nexo.migrateBy" -}}
{{- if and (eq .Values.mode "cluster") .Values.migrate.enabled -}}
{{ ternary "init" "hook" .Values.scylladb.enabled }}
{{- end -}}
{{- end -}}

{{/* The least time that a stop may take: preStop, the pause, the drain. In seconds, rounded up. */}}
{{- define "nexo.drainSeconds" -}}
{{- $server := .Values.config.server -}}
{{- $ms := add (int64 ($server.drain_pause_ms | default 0)) (int64 ($server.drain_ms | default 10000)) -}}
{{- add (int64 .Values.preStopSeconds) (div (add $ms 999) 1000) -}}
{{- end -}}

{{/* Ten seconds more: what is under way between nodes is handed over, and the store is closed. */}}
{{- define "nexo.graceSeconds" -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
{{- add (include "nexo.drainSeconds" . | int64) 10 -}}
{{- else -}}
{{- .Values.terminationGracePeriodSeconds -}}
{{- end -}}
{{- end -}}

{{/* The port of config.server.listen. */}}
{{- define "nexo.port" -}}
{{- regexFind "[0-9]+$" .Values.config.server.listen -}}
{{- end -}}

{{/* Takes the weight. */}}
{{- define "nexo.migrateHook" }}
annotations:
  helm.sh/hook: pre-install,pre-upgrade
  helm.sh/hook-weight: {{ . | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
