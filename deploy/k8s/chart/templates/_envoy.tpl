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

{{/* The one configuration, with the names and limits of this release. */}}
{{- define "imagemesh.envoy.config" -}}
{{- $config := .Files.Get "files/envoy.yaml" | required "files/envoy.yaml is not in the chart" -}}
{{- $config = regexReplaceAll "address: (gateway|colorize|ocr|vision)," $config (printf "address: %s-${1}," (include "imagemesh.fullname" $)) -}}
{{- $collector := printf "address: %s, port_value: %d" .Values.tracing.collector (int .Values.tracing.port) -}}
{{- $config = replace "address: otel-collector, port_value: 4317" $collector $config -}}
{{- if .Values.tracing.tls -}}
{{- $authorities := not (empty .Values.caBundle.configMap) | ternary (printf "/etc/envoy/ca/%s" .Values.caBundle.key) "/etc/ssl/certs/ca-certificates.crt" -}}
{{- $trusted := dict "trusted_ca" (dict "filename" $authorities) "match_typed_subject_alt_names" (list (dict "san_type" "DNS" "matcher" (dict "exact" .Values.tracing.collector))) -}}
{{- $up := dict "@type" "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext" "sni" .Values.tracing.collector "common_tls_context" (dict "alpn_protocols" (list "h2") "validation_context" $trusted) -}}
{{- $socket := dict "name" "tls" "typed_config" $up | toJson -}}
{{- $config = replace "- name: otel-collector\n" (printf "- name: otel-collector\n      transport_socket: %s\n" $socket) $config -}}
{{- end -}}
{{- $timeout := printf "timeout: %ds #" (add $.Values.lifecycle.requestTimeoutSeconds 30) -}}
{{- $config = replace "timeout: 90s #" $timeout $config -}}
{{- $idle := printf "stream_idle_timeout: %ds #" (add $.Values.lifecycle.requestTimeoutSeconds 60) -}}
{{- $config = replace "stream_idle_timeout: 120s #" $idle $config -}}
{{- $heap := include "imagemesh.envoy.heapBytes" . | printf "max_heap_size_bytes: %s" -}}
{{- $config = regexReplaceAll "max_heap_size_bytes: [0-9]+" $config $heap -}}
{{- $config = replace "max_connection_duration: 900s" (printf "max_connection_duration: %ds" (int .Values.envoy.maxConnectionSeconds)) $config -}}
{{- with .Values.envoy.trustedHops -}}
{{- $config = replace "use_remote_address: true" (printf "use_remote_address: true\n                xff_num_trusted_hops: %d" (int .)) $config -}}
{{- end -}}
{{- if .Values.envoy.proxyProtocol -}}
{{- $config = regexReplaceAll "(port_value: (8443|9443)\\}\\})" $config "${1}\n      listener_filters: [{name: proxy_protocol, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol}}]" -}}
{{- end -}}
{{- with .Values.envoy.requestsPerSecond -}}
{{- $config = replace "http_filters: # of callers" (include "imagemesh.envoy.rateLimit" . | printf "http_filters:\n                  - %s") $config -}}
{{- end -}}
{{- if .Values.meshTls.secret -}}
{{- $config = include "imagemesh.envoy.meshTls" (dict "root" . "config" $config) -}}
{{- end -}}
{{- include "imagemesh.enabledEnvoy" (dict "root" . "config" $config) -}}
{{- end }}

{{/* A configuration (a text) with TLS from the gateway and to the services, certificates both ways. */}}
{{- define "imagemesh.envoy.meshTls" -}}
{{- $type := "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3" -}}
{{- $certificate := list (dict "name" "mesh" "sds_config" (dict "path_config_source" (dict "path" "/etc/envoy/mesh-certificate.yaml"))) -}}
{{- $authority := dict "name" "mesh-peers" "sds_config" (dict "path_config_source" (dict "path" "/etc/envoy/mesh-authority.yaml")) -}}
{{- $common := dict "alpn_protocols" (list "h2") "tls_certificate_sds_secret_configs" $certificate -}}
{{- $asked := merge (dict "validation_context_sds_secret_config" $authority) $common -}}
{{- $down := dict "@type" (printf "%s.DownstreamTlsContext" $type) "require_client_certificate" true "common_tls_context" $asked -}}
{{- $socket := dict "name" "tls" "typed_config" $down | toJson -}}
{{- $start := "per_connection_buffer_limit_bytes: 1048576\n      filter_chains:\n        - " -}}
{{- $config := replace (printf "%sfilters:" $start) (printf "%stransport_socket: %s\n          filters:" $start $socket) .config -}}
{{- range $name, $_ := include "imagemesh.facts" .root | fromYaml -}}
{{- $host := printf "%s-%s" (include "imagemesh.fullname" $.root) $name -}}
{{- $named := dict "match_typed_subject_alt_names" (list (dict "san_type" "DNS" "matcher" (dict "exact" $host))) -}}
{{- $checked := merge (dict "combined_validation_context" (dict "default_validation_context" $named "validation_context_sds_secret_config" $authority)) $common -}}
{{- $up := dict "@type" (printf "%s.UpstreamTlsContext" $type) "sni" $host "common_tls_context" $checked -}}
{{- $socket := dict "name" "tls" "typed_config" $up | toJson -}}
{{- $start := printf "    - name: %s\n      " $name -}}
{{- $config = replace (printf "%scluster_type:" $start) (printf "%stransport_socket: %s\n      cluster_type:" $start $socket) $config -}}
{{- end -}}
{{- $config -}}
{{- end }}

{{/* Filter that lets an address make this many requests in a second, and twice as many at once. */}}
{{- define "imagemesh.envoy.rateLimit" -}}
{{- $bucket := dict "max_tokens" (mul 2 .) "tokens_per_fill" (int .) "fill_interval" "1s" -}}
{{- $config := dict "@type" "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit" "stat_prefix" "edge" -}}
{{- $share := dict "default_value" (dict "numerator" 100) -}}
{{- $_ := set $config "filter_enabled" $share -}}
{{- $_ := set $config "filter_enforced" $share -}}
{{- $_ := set $config "rate_limits" (list (dict "actions" (list (dict "remote_address" dict)))) -}}
{{- $_ := set $config "descriptors" (list (dict "entries" (list (dict "key" "remote_address")) "token_bucket" $bucket)) -}}
{{- /* Of addresses that are not the latest 10,000; Envoy wants it in any case. */ -}}
{{- $_ := set $config "token_bucket" $bucket -}}
{{- $_ := set $config "always_consume_default_token_bucket" false -}}
{{- $_ := set $config "max_dynamic_descriptors" 10000 -}}
{{- dict "name" "rate_limit" "typed_config" $config | toJson -}}
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
