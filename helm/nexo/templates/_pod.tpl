{{/* Without root, without anything to write to, without capabilities. */}}
{{- define "nexo.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Takes the user's number. */}}
{{- define "nexo.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* A container that runs nexo. Takes root, own (the name of the chart's Secret), name, command. */}}
{{- define "nexo.container" -}}
name: {{ .name }}
image: {{ include "nexo.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: [{{ .command }}, --config, /etc/nexo/nexo.toml]
securityContext:
  {{- include "nexo.containerSecurity" . | nindent 2 }}
{{- with include "nexo.env" . | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: config
    mountPath: /etc/nexo/nexo.toml
    subPath: nexo.toml
    readOnly: true
  {{- range $name, $ca := .root.Values.certificates }}
  {{- if $ca.existingSecret }}
  - name: {{ $name }}-ca
    mountPath: /etc/nexo/{{ $name }}-ca
    readOnly: true
  {{- end }}
  {{- end }}
  {{- with .root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The volumes that nexo.container mounts. Takes root, and own (the name of the ConfigMap). */}}
{{- define "nexo.volumes" -}}
- name: config
  configMap:
    name: {{ .own }}
{{- range $name, $ca := .root.Values.certificates }}
{{- if $ca.existingSecret }}
- name: {{ $name }}-ca
  secret:
    secretName: {{ $ca.existingSecret }}
    items:
      - key: {{ $ca.key }}
        path: ca.pem
{{- end }}
{{- end }}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What all pods of the chart have. */}}
{{- define "nexo.scheduling" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Pods of one revision over zones and nodes; those of the revision before do not count, for they go. */}}
{{- define "nexo.topologySpread" -}}
{{- $keys := dict "topology.kubernetes.io/zone" .Values.topologySpread.zone "kubernetes.io/hostname" .Values.topologySpread.host -}}
{{- range $key, $when := $keys }}
{{- if ne $when "Off" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: {{ $when }}
  labelSelector:
    matchLabels:
      {{- include "nexo.selector" (dict "root" $ "component" "server") | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end -}}

{{/* The template of the server's pods. */}}
{{- define "nexo.pod" -}}
{{- $own := include "nexo.fullname" . -}}
{{- $scheme := include "nexo.scheme" . | upper -}}
metadata:
  labels:
    {{- include "nexo.podLabels" (dict "root" . "component" "server") | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A change of the configuration or of the chart's secrets restarts the pods.
    checksum/config: {{ include "nexo.toml" . | sha256sum }}
    checksum/secrets: {{ include "nexo.chartSecrets" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "nexo.scheduling" . | trim | nindent 2 }}
  serviceAccountName: {{ include "nexo.serviceAccountName" . }}
  terminationGracePeriodSeconds: {{ include "nexo.graceSeconds" . }}
  securityContext:
    {{- include "nexo.podSecurity" 65532 | nindent 4 }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq .Values.mode "cluster" }}
  {{- with include "nexo.topologySpread" . | trim }}
  topologySpreadConstraints:
    {{- . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- if eq (include "nexo.migrateBy" .) "init" }}
  initContainers:
    - {{- include "nexo.container" (dict "root" . "own" $own "name" "migrate" "command" "migrate") | nindent 6 }}
      resources:
        {{- toYaml .Values.migrate.resources | nindent 8 }}
  {{- end }}
  containers:
    - {{- include "nexo.container" (dict "root" . "own" $own "name" "nexo" "command" "serve") | nindent 6 }}
        {{- if eq .Values.mode "embedded" }}
        - name: data
          mountPath: /var/lib/nexo
        {{- end }}
        {{- if .Values.tls.existingSecret }}
        - name: tls
          mountPath: /etc/nexo/tls
          readOnly: true
        {{- end }}
      ports:
        - name: http
          containerPort: {{ include "nexo.port" . }}
      {{- if .Values.preStopSeconds }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ .Values.preStopSeconds }}
      {{- end }}
      startupProbe:
        httpGet: {path: /health, port: http, scheme: {{ $scheme }}}
        {{- toYaml .Values.probes.startup | nindent 8 }}
      livenessProbe:
        httpGet: {path: /health, port: http, scheme: {{ $scheme }}}
        {{- toYaml .Values.probes.liveness | nindent 8 }}
      readinessProbe:
        httpGet: {path: /ready, port: http, scheme: {{ $scheme }}}
        {{- toYaml .Values.probes.readiness | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
  volumes:
    {{- include "nexo.volumes" (dict "root" . "own" $own) | nindent 4 }}
    {{- if and (eq .Values.mode "embedded") .Values.persistence.existingClaim }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ .Values.persistence.existingClaim }}
    {{- end }}
    {{- if .Values.tls.existingSecret }}
    - name: tls
      secret:
        secretName: {{ .Values.tls.existingSecret }}
    {{- end }}
{{- end -}}
