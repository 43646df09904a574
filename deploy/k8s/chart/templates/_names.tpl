{{/* Names and labels. "Component" is one Deployment and all that belongs to it. */}}

{{- define "imagemesh.name" -}}
{{- .Chart.Name -}}
{{- end }}

{{- define "imagemesh.fullname" -}}
{{- $name := include "imagemesh.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $full | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* Of (dict "root" $ "name" component): what selects its pods. Never changed: selectors are immutable. */}}
{{- define "imagemesh.selector" -}}
app.kubernetes.io/name: {{ include "imagemesh.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "imagemesh.labels" -}}
{{ include "imagemesh.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "imagemesh.metadata" -}}
name: {{ include "imagemesh.fullname" .root }}-{{ .name }}
labels:
  {{- include "imagemesh.labels" . | nindent 2 }}
{{- end }}

{{/* Of (dict "root" $ "image" image): its reference; a digest is stronger than a tag. */}}
{{- define "imagemesh.image" -}}
{{- $tag := get .image "tag" | default .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- with get .image "registry" | default .root.Values.image.registry }}{{ . }}/{{ end -}}
{{- .image.repository -}}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ $tag }}{{ end -}}
{{- end }}

{{/* The model services; the ports are the defaults of their settings. */}}
{{- define "imagemesh.allFacts" -}}
colorize: {port: 50051, healthPort: 50061, metricsPort: 9101, rpc: imagemesh.colorize.v1.ColorizeService, endpoints: colorize}
ocr: {port: 50052, healthPort: 50062, metricsPort: 9102, rpc: imagemesh.ocr.v1.OcrService, endpoints: "ocr,analyzed-ocr,analyzed-text"}
vision: {port: 50053, healthPort: 50063, metricsPort: 9103, rpc: imagemesh.vision.v1.VisionService, endpoints: "emotions,classify,nudity,faces"}
{{- end }}

{{/* The facts of the enabled services. */}}
{{- define "imagemesh.facts" -}}
{{- $facts := include "imagemesh.allFacts" . | fromYaml -}}
{{- range $name, $values := .Values.services -}}
{{- if not $values.enabled -}}{{- $_ := unset $facts $name -}}{{- end -}}
{{- end -}}
{{- toYaml $facts -}}
{{- end }}

{{/* All components by name, each with its values. */}}
{{- define "imagemesh.components" -}}
{{- $components := dict "gateway" .Values.gateway -}}
{{- range $name, $_ := include "imagemesh.facts" . | fromYaml -}}
{{- $_ := set $components $name (get $.Values.services $name) -}}
{{- end -}}
{{- if .Values.envoy.enabled -}}{{- $_ := set $components "envoy" .Values.envoy -}}{{- end -}}
{{- if .Values.worker.enabled -}}{{- $_ := set $components "worker" .Values.worker -}}{{- end -}}
{{- if not .Values.nats.secret -}}
{{- $_ := set $components "nats" (merge (dict "replicas" 1 "hpa" (dict "enabled" false)) .Values.nats) -}}
{{- end -}}
{{- toYaml $components -}}
{{- end }}

{{/* Whether an autoscaler owns the replicas of a component ("true" or nothing). */}}
{{- define "imagemesh.autoscaled" -}}
{{- if or .hpa.enabled (dig "keda" "enabled" false .) -}}true{{- end -}}
{{- end }}

{{/* The fewest replicas that a component runs with. */}}
{{- define "imagemesh.leastReplicas" -}}
{{- if .hpa.enabled -}}{{ .hpa.minReplicas -}}
{{- else if dig "keda" "enabled" false . -}}{{ .keda.minReplicas -}}
{{- else -}}{{ .replicas -}}{{- end -}}
{{- end }}

{{/* The most replicas that a component runs with. */}}
{{- define "imagemesh.mostReplicas" -}}
{{- if .hpa.enabled -}}{{ .hpa.maxReplicas -}}
{{- else if dig "keda" "enabled" false . -}}{{ .keda.maxReplicas -}}
{{- else -}}{{ .replicas -}}{{- end -}}
{{- end }}

{{/* A quantity of Kubernetes, such as 2Gi or 500m, as a plain number. */}}
{{- define "imagemesh.amount" -}}
{{- if kindIs "string" . -}}
{{- $units := dict "m" 0.001 "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $number := regexFind "^[0-9.]+" . -}}
{{- mulf (float64 $number) (get $units (trimPrefix $number .)) -}}
{{- else -}}{{ float64 . }}{{- end -}}
{{- end }}
