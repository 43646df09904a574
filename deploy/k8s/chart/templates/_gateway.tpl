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
{{- if not $values.database.secret }}
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
{{- if not .Values.nats.secret }}
- name: GATEWAY_NATS_URL
  value: nats://{{ include "imagemesh.fullname" . }}-nats:4222
{{- end }}
{{- if .Values.worker.enabled }}
- name: GATEWAY_JOB_WORKER
  value: "false"
{{- end }}
{{- if $values.admin.secret }}
- name: GATEWAY_ADMIN_PORT
  value: "50060"
{{- end }}
{{- range $name, $secret := include "imagemesh.gateway.secrets" . | fromYaml }}
{{- if $values.secretsAsFiles }}
- name: {{ $name }}_FILE
  value: /etc/imagemesh/secrets/{{ $name }}
{{- else }}
{{- include "imagemesh.secretEnv" (merge (dict "name" $name) $secret) }}
{{- end }}
{{- end }}
{{- with $values.results.secret }}
{{- range $key := list "AWS_REGION" "AWS_ENDPOINT" }}
- name: {{ $key }}
  valueFrom:
    secretKeyRef:
      name: {{ $values.results.secret }}
      key: {{ $key }}
      optional: true
{{- end }}
{{- end }}
{{- include "imagemesh.traces" . }}
{{- include "imagemesh.tls.env" . }}
{{- $settings := $values.settings -}}
{{- with include "imagemesh.endpointsOff" . -}}
{{- $settings = merge (dict "ENDPOINTS_OFF" .) $settings -}}
{{- end -}}
{{- include "imagemesh.settings" (dict "prefix" "GATEWAY_" "settings" $settings) }}
{{- end }}

{{/* Secret and key of each secret variable of the gateway. */}}
{{- define "imagemesh.gateway.secrets" -}}
{{- $values := .Values.gateway -}}
{{- $all := dict "GATEWAY_DATABASE_URL" $values.database "GATEWAY_RATE_URL" $values.rates "GATEWAY_WEBHOOK_SECRET" $values.webhooks "GATEWAY_ADMIN_TOKEN" $values.admin "GATEWAY_NATS_URL" .Values.nats -}}
{{- range $key := list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" -}}
{{- $_ := set $all $key (dict "secret" $values.results.secret "key" $key) -}}
{{- end -}}
{{- $named := dict -}}
{{- range $name, $secret := $all -}}
{{- if $secret.secret -}}{{- $_ := set $named $name (pick $secret "secret" "key") -}}{{- end -}}
{{- end -}}
{{- toYaml $named -}}
{{- end }}

{{/* Volume of these secrets, where they are files. */}}
{{- define "imagemesh.gateway.secretsVolume" -}}
{{- if .Values.gateway.secretsAsFiles }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $name, $secret := include "imagemesh.gateway.secrets" . | fromYaml }}
      - secret:
          name: {{ $secret.secret }}
          items: [{key: {{ $secret.key }}, path: {{ $name }}}]
      {{- end }}
{{- end }}
{{- end }}

{{/* Endpoints that are switched off: of disabled services, and of the setting itself. */}}
{{- define "imagemesh.endpointsOff" -}}
{{- $off := list -}}
{{- range $name, $fact := include "imagemesh.allFacts" . | fromYaml -}}
{{- if not (get $.Values.services $name).enabled -}}{{- $off = append $off $fact.endpoints -}}{{- end -}}
{{- end -}}
{{- with get .Values.gateway.settings "ENDPOINTS_OFF" -}}{{- $off = append $off . -}}{{- end -}}
{{- join "," $off -}}
{{- end }}

{{/* Where the gateway reaches a service: through Envoy, or without it at the pods themselves. */}}
{{- define "imagemesh.address" -}}
{{- $full := include "imagemesh.fullname" .root -}}
{{- $full }}-{{ .root.Values.envoy.enabled | ternary "mesh" .name }}:{{ .facts.port -}}
{{- end }}

{{/* Of (dict "root" $ "values" of the component "isWorker" bool): the container of a gateway or a worker. */}}
{{- define "imagemesh.gateway.container" -}}
{{- $gateway := .root.Values.gateway -}}
- name: gateway
  image: {{ include "imagemesh.image" (dict "root" .root "image" $gateway.image) }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  {{- if .isWorker }}
  args: [worker]
  {{- end }}
  env:
    {{- include "imagemesh.gateway.env" .root | trim | nindent 4 }}
    {{- include "imagemesh.extra" .values.extraEnv | indent 4 }}
  ports:
    - {name: http, containerPort: 8080}
    {{- if and .root.Values.envoy.enabled (not .isWorker) }}
    - {name: authz, containerPort: 8081}
    {{- end }}
  startupProbe:
    httpGet: {path: /healthz, port: http}
    periodSeconds: 2
    failureThreshold: 60 # 2 minutes, for the migrations of the database
  readinessProbe:
    httpGet: {path: /readyz, port: http}
    periodSeconds: 5
    timeoutSeconds: 3 # it asks the services, 2 s at most
    failureThreshold: 2
  livenessProbe:
    httpGet: {path: /healthz, port: http}
    periodSeconds: 20
    timeoutSeconds: 5
    failureThreshold: 3
  {{- include "imagemesh.preStop" .root | nindent 2 }}
  resources:
    {{- toYaml .values.resources | nindent 4 }}
  securityContext:
    {{- include "imagemesh.container.security" .values | nindent 4 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    {{- if include "imagemesh.gateway.keepsFiles" .root }}
    - {name: data, mountPath: /data}
    {{- end }}
    {{- if $gateway.secretsAsFiles }}
    - {name: secrets, mountPath: /etc/imagemesh/secrets, readOnly: true}
    {{- end }}
    {{- include "imagemesh.tls.mounts" .root | indent 4 }}
    {{- include "imagemesh.extra" .values.extraVolumeMounts | indent 4 }}
{{- end }}

{{/* Whether the database or the results are on a volume of the gateway ("true" or nothing). */}}
{{- define "imagemesh.gateway.keepsFiles" -}}
{{- if not (and .Values.gateway.database.secret .Values.gateway.results.url) -}}true{{- end -}}
{{- end }}
