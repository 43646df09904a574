{{/* What the pods of all components share; each takes (dict "root" $ "name" component "values" its values). */}}

{{- define "imagemesh.deployment.head" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "imagemesh.metadata" . | nindent 2 }}
spec:
  {{- if not (include "imagemesh.autoscaled" .values) }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  selector:
    matchLabels:
      {{- include "imagemesh.selector" . | nindent 6 }}
{{- end }}

{{- define "imagemesh.pod.metadata" -}}
labels:
  {{- include "imagemesh.selector" . | nindent 2 }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "imagemesh.pod" -}}
serviceAccountName: {{ include "imagemesh.fullname" .root }}-{{ .name }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.lifecycle }}
# 10 s: for the process to end after its drain, and to spare.
terminationGracePeriodSeconds: {{ add .preStopSeconds .requestTimeoutSeconds 10 }}
{{- end }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  {{- include "imagemesh.pod.security" .root | nindent 2 }}
{{- $component := . }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $component.root.Values.spread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "imagemesh.selector" $component | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- include "imagemesh.placement" .values | trim | nindent 0 }}
{{- end }}

{{/* Where pods of these values may run: on the nodes of a GPU where they use one. */}}
{{- define "imagemesh.placement" -}}
{{- $gpu := dig "gpu" "enabled" false . | ternary (get . "gpu") dict -}}
{{- with merge dict .nodeSelector (get $gpu "nodeSelector" | default dict) }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat .tolerations (get $gpu "tolerations" | default list) }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with get $gpu "runtimeClassName" }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "imagemesh.pod.security" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
{{- end }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "imagemesh.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "imagemesh.preStop" -}}
lifecycle:
  preStop:
    sleep:
      seconds: {{ .Values.lifecycle.preStopSeconds }}
{{- end }}

{{/* Of (dict "prefix" "OCR_" "settings" settings): they as variables. toJson writes large numbers whole. */}}
{{- define "imagemesh.settings" -}}
{{- $prefix := .prefix -}}
{{- range $name, $value := .settings }}
- name: {{ $prefix }}{{ $name }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}
{{- end }}

{{/* Of a list of the values, such as extraEnv: its entries. */}}
{{- define "imagemesh.extra" -}}
{{- if . }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Variables of what makes traces. Where Envoy stands before it, Envoy has chosen the requests. */}}
{{- define "imagemesh.traces" -}}
{{- $tracing := .Values.tracing -}}
{{- if $tracing.percent }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ $tracing.tls | ternary "https" "http" }}://{{ $tracing.collector }}:{{ $tracing.port }}
{{- include "imagemesh.secretEnv" (merge (dict "name" "OTEL_EXPORTER_OTLP_HEADERS") $tracing.headers) }}
{{- if and $tracing.tls .Values.caBundle.configMap }}
- name: OTEL_EXPORTER_OTLP_CERTIFICATE
  value: /etc/imagemesh/ca/{{ .Values.caBundle.key }}
{{- end }}
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ divf $tracing.percent 100 | quote }}
{{- end }}
{{- end }}

{{/* Of (dict "name" variable "secret" name "key" key): a variable out of a Secret, or nothing. */}}
{{- define "imagemesh.secretEnv" -}}
{{- if .secret }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end }}
{{- end }}

{{/* Certificates of the mesh and of private authorities, where there are any: variables, mounts, volumes. */}}
{{- define "imagemesh.tls.env" -}}
{{- if .Values.meshTls.secret }}
- name: IMAGEMESH_TLS_DIR
  value: /etc/imagemesh/tls
{{- end }}
{{- if .Values.caBundle.configMap }}
- name: SSL_CERT_FILE
  value: /etc/imagemesh/ca/{{ .Values.caBundle.key }}
{{- end }}
{{- end }}

{{- define "imagemesh.tls.mounts" -}}
{{- if .Values.meshTls.secret }}
- {name: mesh-tls, mountPath: /etc/imagemesh/tls, readOnly: true}
{{- end }}
{{- if .Values.caBundle.configMap }}
- {name: ca-bundle, mountPath: /etc/imagemesh/ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "imagemesh.tls.volumes" -}}
{{- with .Values.meshTls.secret }}
- name: mesh-tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with .Values.caBundle.configMap }}
- name: ca-bundle
  configMap:
    name: {{ . }}
{{- end }}
{{- end }}
