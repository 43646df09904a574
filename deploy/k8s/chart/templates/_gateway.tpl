{{- define "imagemesh.gateway.env" -}}
{{- $values := .Values.gateway -}}
- name: GATEWAY_HOST
  value: 0.0.0.0
- name: GATEWAY_LOG_LEVEL
  value: {{ .Values.logLevel }}
- name: GATEWAY_LOG_FORMAT
  value: json
- name: GATEWAY_DRAIN_S
  value: {{ .Values.lifecycle.requestTimeoutSeconds | quote }}
- name: GATEWAY_REQUEST_TIMEOUT_S
  value: {{ .Values.lifecycle.requestTimeoutSeconds | quote }}
{{- range $name, $facts := include "imagemesh.facts" . | fromYaml }}
- name: GATEWAY_{{ upper $name }}_ADDRESS
  value: {{ include "imagemesh.address" (dict "root" $ "name" $name "facts" $facts) }}
{{- end }}
{{- if .Values.envoy.enabled }}
- name: GATEWAY_AUTHZ_HOST
  value: 0.0.0.0
- name: GATEWAY_AUTHZ_PORT
  value: "8081"
{{- end }}
{{- with $values.publicUrl }}
- name: GATEWAY_PUBLIC_URL
  value: {{ . }}
{{- end }}
{{- if $values.database.secret }}
{{- include "imagemesh.secretEnv" (merge (dict "name" "GATEWAY_DATABASE_URL") $values.database) }}
{{- else }}
- name: GATEWAY_DATABASE_URL
  value: sqlite+aiosqlite:////data/imagemesh.db
{{- end }}
{{- if $values.results.url }}
- name: GATEWAY_RESULTS_URL
  value: {{ $values.results.url }}
{{- else }}
- name: GATEWAY_RESULTS_DIR
  value: /data/results
{{- end }}
{{- include "imagemesh.secretEnv" (merge (dict "name" "GATEWAY_RATE_URL") $values.rates) }}
{{- include "imagemesh.secretEnv" (merge (dict "name" "GATEWAY_WEBHOOK_SECRET") $values.webhooks) }}
{{- if $values.admin.secret }}
- name: GATEWAY_ADMIN_PORT
  value: "50060"
{{- include "imagemesh.secretEnv" (merge (dict "name" "GATEWAY_ADMIN_TOKEN") $values.admin) }}
{{- end }}
{{- include "imagemesh.traces" . }}
{{- include "imagemesh.settings" (dict "prefix" "GATEWAY_" "settings" $values.settings) }}
{{- end }}

{{/* Where the gateway reaches a service: through Envoy, or without it at the pods themselves. */}}
{{- define "imagemesh.address" -}}
{{- $full := include "imagemesh.fullname" .root -}}
{{- $full }}-{{ .root.Values.envoy.enabled | ternary "mesh" .name }}:{{ .facts.port -}}
{{- end }}
