{{- define "imagemesh.policy.pods" -}}
- podSelector:
    matchLabels:
      {{- include "imagemesh.selector" . | nindent 6 }}
{{- end }}

{{- define "imagemesh.policy.dns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          {{- toYaml .namespaceLabels | nindent 10 }}
      podSelector:
        matchLabels:
          {{- toYaml .podLabels | nindent 10 }}
    {{- range .addresses }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{/* Who may call: the namespaces of networkPolicy.callers, or everyone (no `from`). */}}
{{- define "imagemesh.policy.callers" -}}
{{- with .Values.networkPolicy.callers -}}
from:
  {{- range . }}
  - namespaceSelector:
      matchLabels:
        {{- toYaml . | nindent 8 }}
  {{- end }}
  {{- if $.Values.test.secret }}
  {{- include "imagemesh.policy.pods" (dict "root" $ "name" "test") | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Of what has namespaceLabels: all pods of those namespaces. */}}
{{- define "imagemesh.policy.namespace" -}}
- namespaceSelector:
    matchLabels:
      {{- toYaml .namespaceLabels | nindent 6 }}
{{- end }}

{{- define "imagemesh.policy.gateway" -}}
{{- $component := dict "root" . "name" "gateway" -}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "imagemesh.metadata" $component | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "imagemesh.selector" $component | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- if .Values.envoy.enabled }}
    - from:
        {{- include "imagemesh.policy.pods" (dict "root" . "name" "envoy") | nindent 8 }}
      ports:
        - {protocol: TCP, port: http}
        - {protocol: TCP, port: authz}
    {{- else }}
    - ports:
        - {protocol: TCP, port: http}
      {{- include "imagemesh.policy.callers" . | nindent 6 }}
    {{- end }}
    - from:
        {{- include "imagemesh.policy.namespace" .Values.networkPolicy.monitoring | nindent 8 }}
        {{- if .Values.ingress.enabled }}
        {{- include "imagemesh.policy.namespace" .Values.ingress | nindent 8 }}
        {{- end }}
        {{- if .Values.gatewayApi.enabled }}
        {{- include "imagemesh.policy.namespace" .Values.gatewayApi | nindent 8 }}
        {{- end }}
      ports:
        - {protocol: TCP, port: http}
  egress:
    {{- include "imagemesh.policy.gatewayEgress" . | nindent 4 }}
{{- end }}

{{/* What a gateway and a worker may reach. */}}
{{- define "imagemesh.policy.gatewayEgress" -}}
{{- include "imagemesh.policy.dns" .Values.networkPolicy.dns }}
{{ include "imagemesh.policy.backends" . | trim }}
{{- with include "imagemesh.policy.traces" . }}
{{ . }}
{{- end }}
{{ include "imagemesh.policy.internet" .Values.gateway.egress }}
{{- if not .Values.nats.secret }}
- to:
    {{- include "imagemesh.policy.pods" (dict "root" . "name" "nats") | nindent 4 }}
  ports:
    - {protocol: TCP, port: 4222}
{{- end }}
{{- with .Values.gateway.egress.stores }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The pods that call the services and NATS: those of the gateway and of the worker. */}}
{{- define "imagemesh.policy.askers" -}}
{{- include "imagemesh.policy.pods" (dict "root" . "name" "gateway") }}
{{- if .Values.worker.enabled }}
{{ include "imagemesh.policy.pods" (dict "root" . "name" "worker") }}
{{- end }}
{{- end }}

{{- define "imagemesh.policy.worker" -}}
{{- $component := dict "root" . "name" "worker" -}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "imagemesh.metadata" $component | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "imagemesh.selector" $component | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        {{- include "imagemesh.policy.namespace" .Values.networkPolicy.monitoring | nindent 8 }}
      ports:
        - {protocol: TCP, port: http}
  egress:
    {{- include "imagemesh.policy.gatewayEgress" . | nindent 4 }}
{{- end }}

{{- define "imagemesh.policy.nats" -}}
{{- $component := dict "root" . "name" "nats" -}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "imagemesh.metadata" $component | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "imagemesh.selector" $component | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        {{- include "imagemesh.policy.askers" . | nindent 8 }}
      ports:
        - {protocol: TCP, port: nats}
{{- end }}

{{/* From the gateway to the services, through Envoy or without it. */}}
{{- define "imagemesh.policy.backends" -}}
{{- $root := . -}}
{{- range $name, $facts := include "imagemesh.facts" . | fromYaml }}
- to:
    {{- include "imagemesh.policy.pods" (dict "root" $root "name" ($root.Values.envoy.enabled | ternary "envoy" $name)) | nindent 4 }}
  ports:
    - {protocol: TCP, port: {{ $facts.port }}}
{{- end }}
{{- end }}

{{- define "imagemesh.policy.internet" -}}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except:
          {{- range .except }}{{ if not (contains ":" .) }}
          - {{ . }}
          {{- end }}{{ end }}
    - ipBlock:
        cidr: ::/0
        except:
          {{- range .except }}{{ if contains ":" . }}
          - {{ . }}
          {{- end }}{{ end }}
  ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}

{{- define "imagemesh.policy.envoy" -}}
{{- $component := dict "root" . "name" "envoy" -}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "imagemesh.metadata" $component | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "imagemesh.selector" $component | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports:
        - {protocol: TCP, port: public}
        - {protocol: TCP, port: native}
      {{- include "imagemesh.policy.callers" . | nindent 6 }}
    - from:
        {{- include "imagemesh.policy.askers" . | nindent 8 }}
      ports:
        {{- range $name, $_ := include "imagemesh.facts" . | fromYaml }}
        - {protocol: TCP, port: mesh-{{ $name }}}
        {{- end }}
    - from:
        {{- include "imagemesh.policy.namespace" .Values.networkPolicy.monitoring | nindent 8 }}
      ports:
        - {protocol: TCP, port: stats}
  egress:
    {{- include "imagemesh.policy.dns" .Values.networkPolicy.dns | nindent 4 }}
    - to:
        {{- include "imagemesh.policy.pods" (dict "root" . "name" "gateway") | nindent 8 }}
      ports:
        - {protocol: TCP, port: 8080}
        - {protocol: TCP, port: 8081}
    {{- range $name, $facts := include "imagemesh.facts" . | fromYaml }}
    - to:
        {{- include "imagemesh.policy.pods" (dict "root" $ "name" $name) | nindent 8 }}
      ports:
        - {protocol: TCP, port: {{ $facts.port }}}
    {{- end }}
    {{- include "imagemesh.policy.traces" . | nindent 4 }}
{{- end }}

{{/* To the collector of traces, where there are any. */}}
{{- define "imagemesh.policy.traces" -}}
{{- if .Values.tracing.percent -}}
- to:
    {{- include "imagemesh.policy.namespace" .Values.tracing | nindent 4 }}
  ports:
    - {protocol: TCP, port: {{ .Values.tracing.port }}}
{{- end }}
{{- end }}
