{{/* What the server and its migration may reach. */}}
{{- define "nexo.egress" -}}
{{- $policy := .Values.networkPolicy -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- if eq .Values.mode "cluster" }}
{{- range $to := list (dict "ports" $policy.cqlPorts "peers" $policy.cqlTo) (dict "ports" $policy.redisPorts "peers" $policy.redisTo) }}
- ports:
    {{- range $to.ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with $to.peers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
{{- with $policy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Takes component (its metadata) and ports. */}}
{{- define "nexo.trialPolicy" -}}
# It asks for no password: only the server may connect, and it connects nowhere.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "nexo.metadata" .component | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "nexo.selector" .component | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              {{- include "nexo.selector" (dict "root" .component.root "component" "server") | nindent 14 }}
      ports:
        {{- range .ports }}
        - {port: {{ . }}, protocol: TCP}
        {{- end }}
  egress: []
{{- end -}}
