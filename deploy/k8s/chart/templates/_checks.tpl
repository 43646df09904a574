{{/* What no schema can say: values that contradict each other end the render with a reason. */}}

{{- define "imagemesh.checks" -}}
{{- include "imagemesh.checks.lifecycle" .Values.lifecycle -}}
{{- include "imagemesh.checks.gateway" .Values.gateway -}}
{{- include "imagemesh.checks.models" .Values.models -}}
{{- range $name, $values := include "imagemesh.components" . | fromYaml -}}
{{- include "imagemesh.checks.scaling" (dict "name" $name "values" $values "root" $) -}}
{{- end -}}
{{- if and .Values.priorityClass.create (not .Values.priorityClass.name) -}}
{{- fail "priorityClass.create needs priorityClass.name" -}}
{{- end -}}
{{- if and .Values.envoy.enabled (not .Values.envoy.tlsSecret) -}}
{{- fail "envoy.enabled needs envoy.tlsSecret, a Secret with tls.crt, tls.key and ca.crt" -}}
{{- end -}}
{{- if and .Values.tracing.percent (not .Values.tracing.namespaceLabels) -}}
{{- fail "tracing.percent needs tracing.namespaceLabels, of the namespace that the collector runs in" -}}
{{- end -}}
{{- range $kind := list "http" "grpc" -}}
{{- $route := get $.Values.gatewayApi $kind -}}
{{- if and $route.enabled (not $route.parentRefs) -}}
{{- fail (printf "gatewayApi.%s.enabled needs gatewayApi.%s.parentRefs" $kind $kind) -}}
{{- end -}}
{{- if and $route.enabled (not $route.namespaceLabels) -}}
{{- fail (printf "gatewayApi.%s.enabled needs gatewayApi.%s.namespaceLabels, of the namespace whose pods may enter" $kind $kind) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* 5 s: what a process needs to end after its drain. */}}
{{- define "imagemesh.checks.lifecycle" -}}
{{- $needed := add .preStopSeconds .drainSeconds 5 -}}
{{- if gt $needed (int64 .graceSeconds) -}}
{{- fail (printf "lifecycle.graceSeconds is %d; preStopSeconds + drainSeconds + 5 is %d, and a pod would be killed while it drains" (int64 .graceSeconds) $needed) -}}
{{- end -}}
{{- if lt (int64 .drainSeconds) (int64 .requestTimeoutSeconds) -}}
{{- fail (printf "lifecycle.drainSeconds is %d; a request may take requestTimeoutSeconds = %d, and a drain would cut it off" (int64 .drainSeconds) (int64 .requestTimeoutSeconds)) -}}
{{- end -}}
{{- end }}

{{- define "imagemesh.checks.gateway" -}}
{{- $most := .hpa.enabled | ternary .hpa.maxReplicas .replicas | int -}}
{{- if and (gt $most 1) (not (and .database.secret .results.url)) -}}
{{- fail (printf "gateway: %d replicas need gateway.database.secret and gateway.results.url, which all of them share" $most) -}}
{{- end -}}
{{- if and .admin.enabled (not .admin.secret) -}}
{{- fail "gateway.admin.enabled needs gateway.admin.secret, a Secret with the token" -}}
{{- end -}}
{{- if and .results.secret (not .results.url) -}}
{{- fail "gateway.results.secret holds the keys of a bucket; gateway.results.url names none" -}}
{{- end -}}
{{- end }}

{{- define "imagemesh.checks.models" -}}
{{- if and (eq .source "image") (not .image) -}}
{{- fail "models.source image needs models.image, an OCI image of the models" -}}
{{- end -}}
{{- if and (eq .source "claim") (not .claim) -}}
{{- fail "models.source claim needs models.claim, a PersistentVolumeClaim that can be read from many nodes" -}}
{{- end -}}
{{- if and (eq .source "pull") (not (and .pull.mirror .pull.cidr)) -}}
{{- fail "models.source pull needs models.pull.mirror and models.pull.cidr: services reach no address but that one" -}}
{{- end -}}
{{- end }}

{{- define "imagemesh.checks.scaling" -}}
{{- $keda := get .values "keda" | default (dict "enabled" false) -}}
{{- if and .values.hpa.enabled $keda.enabled -}}
{{- fail (printf "%s: hpa and keda are both enabled, and would fight over its replicas; choose one" .name) -}}
{{- end -}}
{{- range $scaler := list .values.hpa $keda -}}
{{- if and $scaler.enabled (gt (int $scaler.minReplicas) (int $scaler.maxReplicas)) -}}
{{- fail (printf "%s: minReplicas %d is more than maxReplicas %d" $.name (int $scaler.minReplicas) (int $scaler.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- if and $keda.enabled (not .root.Values.monitoring.prometheusUrl) -}}
{{- fail (printf "%s: keda asks Prometheus how many requests wait; set monitoring.prometheusUrl" .name) -}}
{{- end -}}
{{- $least := include "imagemesh.leastReplicas" .values | int -}}
{{- if and (gt $least 1) (ge (int .values.pdb.maxUnavailable) $least) -}}
{{- fail (printf "%s: pdb.maxUnavailable %d would let all %d replicas go at once" .name (int .values.pdb.maxUnavailable) $least) -}}
{{- end -}}
{{- end }}
