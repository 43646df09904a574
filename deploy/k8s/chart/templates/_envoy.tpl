{{/* Envoy's configuration, and the limits in it that follow from other values. */}}

{{/* Envoy's configuration (a text) without the disabled services; the text itself where there are none. */}}
{{- define "imagemesh.enabledEnvoy" -}}
{{- $all := include "imagemesh.allFacts" .root | fromYaml -}}
{{- $enabled := include "imagemesh.facts" .root | fromYaml -}}
{{- if eq (len $all) (len $enabled) -}}
{{- .config -}}
{{- else -}}
{{- $config := fromYaml .config -}}
{{- $resources := $config.static_resources -}}
{{- range $name, $_ := $all -}}
{{- if not (hasKey $enabled $name) -}}
{{- $listeners := list -}}
{{- range $listener := $resources.listeners -}}
{{- if eq $listener.name "native" -}}
{{- $host := (index (index (index $listener.filter_chains 0).filters 0).typed_config.route_config.virtual_hosts 0) -}}
{{- $routes := list -}}
{{- range $route := $host.routes -}}
{{- if ne $route.route.cluster $name -}}{{- $routes = append $routes $route -}}{{- end -}}
{{- end -}}
{{- $_ := set $host "routes" $routes -}}
{{- end -}}
{{- if ne $listener.name (printf "mesh-%s" $name) -}}{{- $listeners = append $listeners $listener -}}{{- end -}}
{{- end -}}
{{- $clusters := list -}}
{{- range $cluster := $resources.clusters -}}
{{- if ne $cluster.name $name -}}{{- $clusters = append $clusters $cluster -}}{{- end -}}
{{- end -}}
{{- $_ := set $resources "listeners" $listeners -}}
{{- $_ := set $resources "clusters" $clusters -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
{{- end }}

{{/* Requests that a service or the gateway takes at once, those of a pod more while a rollout lasts. */}}
{{- define "imagemesh.envoy.mostRequests" -}}
{{- mul (add (include "imagemesh.mostReplicas" .values | int) 1) .each -}}
{{- end }}

{{/* Runtime of Envoy as JSON: the share of traces, and the circuit breakers of its clusters. */}}
{{- define "imagemesh.envoy.runtime" -}}
{{- $layer := dict -}}
{{- range $name, $_ := include "imagemesh.facts" . | fromYaml -}}
{{- $values := get $.Values.services $name -}}
{{- $each := get $values.settings "MAX_CONCURRENT_RPCS" | default 96 -}}
{{- $most := include "imagemesh.envoy.mostRequests" (dict "values" $values "each" $each) | int -}}
{{- $_ := set $layer (printf "circuit_breakers.%s.default.max_requests" $name) $most -}}
{{- end -}}
{{- $each := get .Values.gateway.settings "MAX_CONNECTIONS" | default 2048 -}}
{{- $most := include "imagemesh.envoy.mostRequests" (dict "values" .Values.gateway "each" $each) | int -}}
{{- range $limit := list "max_connections" "max_requests" -}}
{{- $_ := set $layer (printf "circuit_breakers.gateway.default.%s" $limit) $most -}}
{{- end -}}
{{- with .Values.tracing.percent -}}
{{- $_ := set $layer "tracing.random_sampling" (dict "numerator" (int .) "denominator" "HUNDRED") -}}
{{- end -}}
{{- dict "layered_runtime" (dict "layers" (list (dict "name" "chart" "static_layer" $layer))) | toJson -}}
{{- end }}

{{/* Heap at which Envoy sheds load, in bytes: three quarters of its memory. */}}
{{- define "imagemesh.envoy.heapBytes" -}}
{{- mulf (include "imagemesh.amount" .Values.envoy.resources.limits.memory | float64) 0.75 | int64 -}}
{{- end }}
