{{/* A model service: a Deployment and a headless Service, of (dict "root" $ "name" "values" "facts"). */}}

{{- define "imagemesh.service" -}}
{{- $prefix := printf "%s_" (upper .name) -}}
{{- $lifecycle := .root.Values.lifecycle -}}
{{- $models := .root.Values.models -}}
{{- include "imagemesh.deployment.head" . }}
  # A new pod cannot have the GPU that the old one holds; without GPUs a new pod comes first.
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: {{ .values.gpu.enabled | ternary 0 1 }}
      maxUnavailable: {{ .values.gpu.enabled | ternary 1 0 }}
  template:
    metadata:
      {{- include "imagemesh.pod.metadata" . | nindent 6 }}
    spec:
      {{- include "imagemesh.pod" . | nindent 6 }}
      {{- if eq $models.source "pull" }}
      initContainers:
        - name: pull-models
          image: {{ include "imagemesh.service.image" . }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          command: [imagemesh, models, pull, --profile, {{ eq .values.profile "auto" | ternary "standard" .values.profile }}]
          env:
            - name: IMAGEMESH_MODELS_DIR
              value: /models
            - name: IMAGEMESH_MODELS_MIRROR
              value: {{ $models.pull.mirror | quote }}
          resources:
            requests: {cpu: 100m, memory: 128Mi}
            limits: {cpu: "1", memory: 512Mi}
          securityContext:
            {{- include "imagemesh.container.security" dict | nindent 12 }}
          volumeMounts:
            - {name: models, mountPath: /models}
            - {name: tmp, mountPath: /tmp}
      {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ include "imagemesh.service.image" . }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          env:
            - name: {{ $prefix }}HOST
              value: 0.0.0.0
            - name: {{ $prefix }}LOG_LEVEL
              value: {{ .root.Values.logLevel }}
            - name: {{ $prefix }}LOG_FORMAT
              value: json
            - name: {{ $prefix }}DRAIN_S
              value: {{ $lifecycle.requestTimeoutSeconds | quote }}
            - name: {{ $prefix }}DEVICE
              value: {{ .values.gpu.enabled | ternary "cuda" "cpu" }}
            - name: {{ $prefix }}PROFILE
              value: {{ .values.profile }}
            - name: {{ $prefix }}THREADS
              valueFrom:
                resourceFieldRef:
                  resource: limits.cpu
                  divisor: "1"
            {{- if ne $models.source "embedded" }}
            - name: IMAGEMESH_MODELS_DIR
              value: /models
            {{- end }}
            {{- include "imagemesh.traces" .root | trim | nindent 12 }}
            {{- include "imagemesh.tls.env" .root | indent 12 }}
            {{- if .root.Values.meshTls.secret }}
            - name: {{ $prefix }}HEALTH_PORT
              value: {{ .facts.healthPort | quote }}
            {{- end }}
            {{- include "imagemesh.settings" (dict "prefix" $prefix "settings" .values.settings) | trim | nindent 12 }}
            {{- include "imagemesh.extra" .values.extraEnv | indent 12 }}
          ports:
            - {name: grpc, containerPort: {{ .facts.port }}}
            - {name: metrics, containerPort: {{ .facts.metricsPort }}}
            {{- if .root.Values.meshTls.secret }}
            - {name: health, containerPort: {{ .facts.healthPort }}}
            {{- end }}
          {{- include "imagemesh.service.probes" . | nindent 10 }}
          {{- include "imagemesh.preStop" .root | nindent 10 }}
          resources:
            {{- include "imagemesh.service.resources" .values | nindent 12 }}
          securityContext:
            {{- include "imagemesh.container.security" .values | nindent 12 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- if ne $models.source "embedded" }}
            - {name: models, mountPath: /models, readOnly: true}
            {{- end }}
            {{- if .values.gpu.enabled }}
            - {name: shm, mountPath: /dev/shm}
            {{- end }}
            {{- include "imagemesh.tls.mounts" .root | indent 12 }}
            {{- include "imagemesh.extra" .values.extraVolumeMounts | indent 12 }}
      volumes:
        - name: tmp
          emptyDir:
            sizeLimit: 256Mi
        {{- include "imagemesh.service.models" .root | trim | nindent 8 }}
        {{- if .values.gpu.enabled }}
        - name: shm
          emptyDir:
            medium: Memory
            sizeLimit: 1Gi
        {{- end }}
        {{- include "imagemesh.tls.volumes" .root | indent 8 }}
        {{- include "imagemesh.extra" .values.extraVolumes | indent 8 }}
---
# Headless: every caller sees every pod and balances between them by itself.
apiVersion: v1
kind: Service
metadata:
  {{- include "imagemesh.metadata" . | nindent 2 }}
spec:
  clusterIP: None
  selector:
    {{- include "imagemesh.selector" . | nindent 4 }}
  ports:
    - {name: grpc, port: {{ .facts.port }}, targetPort: grpc, appProtocol: {{ empty .root.Values.meshTls.secret | ternary "kubernetes.io/h2c" "https" }}}
    - {name: metrics, port: {{ .facts.metricsPort }}, targetPort: metrics}
{{- end }}

{{/* The image of a service: with CUDA where it uses a GPU. */}}
{{- define "imagemesh.service.image" -}}
{{- $image := deepCopy .values.image -}}
{{- if .values.gpu.enabled }}{{ $_ := set $image "digest" $image.cudaDigest }}{{ end -}}
{{- include "imagemesh.image" (dict "root" .root "image" $image) -}}
{{- if and .values.gpu.enabled (not $image.digest) }}-cuda{{ end -}}
{{- end }}

{{/* A kubelet knows no TLS. Liveness asks for less than readiness: a model that hangs is loaded anew without a restart. */}}
{{- define "imagemesh.service.probes" -}}
{{- $port := not (empty .root.Values.meshTls.secret) | ternary .facts.healthPort .facts.port -}}
startupProbe:
  grpc: {port: {{ $port }}, service: {{ .facts.rpc }}}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: {{ div (add .values.startupSeconds 4) 5 }}
readinessProbe:
  grpc: {port: {{ $port }}, service: {{ .facts.rpc }}}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  grpc: {port: {{ $port }}, service: {{ .facts.rpc }}}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: {{ div (add (get .values.settings "MAX_RUN_S" | default 120) .values.startupSeconds 19) 20 }} # MAX_RUN_S, and the time to load
{{- end }}

{{- define "imagemesh.service.resources" -}}
{{- $resources := deepCopy .resources -}}
{{- if .gpu.enabled -}}
{{- range $side := list "requests" "limits" -}}
{{- $_ := set (get $resources $side) $.gpu.resource 1 -}}
{{- end -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end }}

{{- define "imagemesh.service.models" -}}
{{- $models := .Values.models -}}
{{- if eq $models.source "image" }}
- name: models
  image:
    reference: {{ $models.image }}
    pullPolicy: {{ .Values.image.pullPolicy }}
{{- else if eq $models.source "claim" }}
- name: models
  persistentVolumeClaim:
    claimName: {{ $models.claim }}
    readOnly: true
{{- else if eq $models.source "pull" }}
- name: models
  emptyDir:
    sizeLimit: {{ $models.pull.sizeLimit }}
{{- end }}
{{- end }}
