{{/* What no schema can say: values that contradict each other end the render with a reason. */}}

{{- define "imagemesh.checks" -}}
{{- if not (include "imagemesh.facts" . | fromYaml) -}}
{{- fail "services: all three are disabled; enable one" -}}
{{- end -}}
{{- include "imagemesh.checks.gateway" .Values.gateway -}}
{{- if and .Values.worker.enabled (not (and .Values.gateway.database.secret .Values.gateway.results.url)) -}}
{{- fail "worker.enabled needs gateway.database.secret and gateway.results.url, which all processes share" -}}
{{- end -}}
{{- include "imagemesh.checks.models" .Values.models -}}
{{- include "imagemesh.checks.derived" . -}}
{{- range $name, $values := include "imagemesh.components" . | fromYaml -}}
{{- include "imagemesh.checks.scaling" (dict "name" $name "values" $values "root" $) -}}
{{- include "imagemesh.checks.resources" (dict "name" $name "resources" $values.resources) -}}
{{- end -}}
{{- if and .Values.envoy.enabled (not .Values.envoy.tlsSecret) -}}
{{- fail "envoy.enabled needs envoy.tlsSecret, a Secret with tls.crt and tls.key" -}}
{{- end -}}
{{- with .Values.envoy.certificate -}}
{{- if and .issuerRef (not .dnsNames) -}}
{{- fail "envoy.certificate.issuerRef needs envoy.certificate.dnsNames, the public names" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.meshTls.issuerRef (not .Values.meshTls.secret) -}}
{{- fail "meshTls.issuerRef needs meshTls.secret, the Secret that the Certificate fills" -}}
{{- end -}}
{{- if and .Values.tracing.percent (not .Values.tracing.namespaceLabels) -}}
{{- fail "tracing.percent needs tracing.namespaceLabels, of the namespace that the collector runs in" -}}
{{- end -}}
{{- with .Values.ingress -}}
{{- if and .enabled (not (and .hostnames .namespaceLabels)) -}}
{{- fail "ingress.enabled needs ingress.hostnames, and ingress.namespaceLabels of the namespace whose controller may enter" -}}
{{- end -}}
{{- end -}}
{{- with .Values.gatewayApi -}}
{{- if and .enabled (not (and .parentRefs .namespaceLabels)) -}}
{{- fail "gatewayApi.enabled needs gatewayApi.parentRefs, and gatewayApi.namespaceLabels of the namespace whose pods may enter" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "imagemesh.checks.gateway" -}}
{{- $most := .hpa.enabled | ternary .hpa.maxReplicas .replicas | int -}}
{{- if and (gt $most 1) (not (and .database.secret .results.url)) -}}
{{- fail (printf "gateway: %d replicas need gateway.database.secret and gateway.results.url, which all of them share" $most) -}}
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
{{- if and (dig "gpu" "enabled" false .values) (not (hasPrefix "nvidia.com/" .values.gpu.resource)) -}}
{{- fail (printf "%s: gpu.resource %s: models compute on GPUs of NVIDIA alone, or on processors; there is no image for others" .name .values.gpu.resource) -}}
{{- end -}}
{{- if and (dig "gpu" "enabled" false .values) .values.image.digest (not .values.image.cudaDigest) -}}
{{- fail (printf "%s: image.digest is that of the image for processors; gpu.enabled needs image.cudaDigest beside it" .name) -}}
{{- end -}}
{{- if and .values.hpa.enabled (dig "gpu" "enabled" false .values) -}}
{{- fail (printf "%s: hpa scales by processor time, which says nothing of a GPU; use keda, which scales by the requests that wait" .name) -}}
{{- end -}}
{{- range $scaler := list .values.hpa $keda -}}
{{- if and $scaler.enabled (gt (int $scaler.minReplicas) (int $scaler.maxReplicas)) -}}
{{- fail (printf "%s: minReplicas %d is more than maxReplicas %d" $.name (int $scaler.minReplicas) (int $scaler.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- if and $keda.enabled (not .root.Values.monitoring.prometheusUrl) -}}
{{- fail (printf "%s: keda asks Prometheus how many requests wait; set monitoring.prometheusUrl" .name) -}}
{{- end -}}
{{- end }}

{{- define "imagemesh.checks.resources" -}}
{{- range $kind, $least := .resources.requests -}}
{{- $most := get $.resources.limits $kind | default $least -}}
{{- if gt (include "imagemesh.amount" $least | float64) (include "imagemesh.amount" $most | float64) -}}
{{- fail (printf "%s: resources.requests.%s %v is more than resources.limits.%s %v" $.name $kind $least $kind $most) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Memory that holds what the settings let in, in MiB, and times within the time of a request. */}}
{{- define "imagemesh.checks.derived" -}}
{{- $image := 10 -}}
{{- range $name, $_ := include "imagemesh.facts" . | fromYaml -}}
{{- $values := get $.Values.services $name -}}
{{- $needs := mul $image (get $values.settings "MAX_CONCURRENT_RPCS" | default 96) -}}
{{- include "imagemesh.checks.memory" (dict "name" $name "values" $values "needs" $needs "why" "MAX_CONCURRENT_RPCS images") -}}
{{- end -}}
{{- $gateway := .Values.gateway.settings -}}
{{- $needs := add (mul $image (get $gateway "MAX_IN_FLIGHT" | default 96)) (get $gateway "UPLOAD_MEMORY_MIB" | default 256) 192 -}}
{{- include "imagemesh.checks.memory" (dict "name" "gateway" "values" .Values.gateway "needs" $needs "why" "MAX_IN_FLIGHT images and UPLOAD_MEMORY_MIB") -}}
{{- if .Values.envoy.enabled -}}
{{- include "imagemesh.checks.memory" (dict "name" "envoy" "values" .Values.envoy "needs" 256 "why" "its buffers") -}}
{{- end -}}
{{- with get $gateway "FETCH_TIMEOUT_S" -}}
{{- if gt (float64 .) (float64 $.Values.lifecycle.requestTimeoutSeconds) -}}
{{- fail (printf "gateway.settings.FETCH_TIMEOUT_S %v is more than lifecycle.requestTimeoutSeconds %v, which ends the request before" . $.Values.lifecycle.requestTimeoutSeconds) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "imagemesh.checks.memory" -}}
{{- if gt (mul .needs 1048576 | float64) (include "imagemesh.amount" .values.resources.limits.memory | float64) -}}
{{- fail (printf "%s: resources.limits.memory %v does not hold %s, %d MiB" .name .values.resources.limits.memory .why (int .needs)) -}}
{{- end -}}
{{- end }}
