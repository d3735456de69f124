{{/* One service: everything that each of them has, written once. Arguments: root, name. */}}
{{- define "brewsaga.deployment" -}}
{{- $root := .root -}}
{{- $name := .name -}}
{{- $own := include "brewsaga.service" . | fromYaml -}}
{{- $full := printf "%s-%s" (include "brewsaga.fullname" $root) $name -}}
{{- $settings := $root.Values.settings -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $full }}
  labels: {{- include "brewsaga.labels" $root | nindent 4 }}
    app.kubernetes.io/name: {{ $name }}
spec:
  {{- if not $own.autoscaling.enabled }}
  replicas: {{ $own.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  # A new pod instead of an old one, never beside it: a member more than there are partitions would wait for nothing.
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}
  selector:
    matchLabels: {{- include "brewsaga.instanceLabels" $root | nindent 6 }}
      app.kubernetes.io/name: {{ $name }}
  template:
    metadata:
      labels: {{- include "brewsaga.instanceLabels" $root | nindent 8 }}
        app.kubernetes.io/name: {{ $name }}
        app.kubernetes.io/component: service
        brewsaga.dev/needs-kafka: "true"
        brewsaga.dev/needs-postgres: "true"
        {{- if include "brewsaga.chaos" $root }}
        brewsaga.dev/chaos: allowed
        {{- end }}
        {{- with $own.podLabels }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- with $own.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ $full }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- include "brewsaga.pullSecrets" $root | nindent 6 }}
      securityContext: {{- include "brewsaga.podSecurity" 10001 | nindent 8 }}
      terminationGracePeriodSeconds: {{ $own.terminationGracePeriodSeconds }}
      {{- with $own.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $own.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $own.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $own.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
        - topologyKey: {{ $key }}
          maxSkew: 1
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "brewsaga.instanceLabels" $root | nindent 14 }}
              app.kubernetes.io/name: {{ $name }}
        {{- end }}
      containers:
        - name: {{ $name }}
          image: {{ include "brewsaga.image" (dict "root" $root "name" $name) | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          ports:
            - {name: http, containerPort: 8080}
            - {name: metrics, containerPort: 9100}
          env:
            - {name: HTTP_HOST, value: 0.0.0.0}
            - {name: HTTP_PORT, value: "8080"}
            - {name: METRICS_PORT, value: "9100"}
            - {name: MODE, value: {{ ternary "orch" $root.Values.mode (eq $name "orchestrator") }}}
            - {name: TOPIC_PREFIX, value: {{ $root.Values.topicPrefix | quote }}}
            - {name: DATABASE_URL_FILE, value: /run/secrets/brewsaga/database-url}
            {{- include "brewsaga.kafkaEnv" . | nindent 12 }}
            {{- if $root.Values.api.token.enabled }}
            - {name: API_TOKEN_FILE, value: /run/secrets/brewsaga/api-token}
            {{- end }}
            {{- range $other := without (keys $root.Values.services | sortAlpha) $name }}
            - {name: {{ upper $other }}_URL, value: "http://{{ include "brewsaga.fullname" $root }}-{{ $other }}"}
            {{- end }}
            - {name: KAFKA_GROUP_PROTOCOL, value: {{ $settings.groupProtocol }}}
            - {name: CONSUMERS_PER_MODE, value: {{ $settings.consumersPerMode | quote }}}
            - {name: DATABASE_CONNECTIONS_MAX, value: {{ $settings.databaseConnectionsMax | quote }}}
            - {name: RESAY_AFTER_SECONDS, value: {{ $settings.resayAfterSeconds | quote }}}
            - {name: RESAY_MAX_SECONDS, value: {{ $settings.resayMaxSeconds | quote }}}
            - {name: RESAY_RATE_PER_SECOND, value: {{ $settings.resayRatePerSecond | quote }}}
            - {name: PARK_AFTER_ATTEMPTS, value: {{ $settings.parkAfterAttempts | quote }}}
            - {name: OUTBOX_KEEP, value: {{ $settings.outboxKeep | quote }}}
            - {name: LOG_LEVEL, value: {{ $settings.logLevel }}}
            - {name: FAULTS_ENABLED, value: {{ $root.Values.faults.enabled | quote }}}
            - {name: FAULT_SEED, value: {{ $root.Values.faults.seed | quote }}}
            - {name: FAIL_RATE, value: {{ $own.failRate | quote }}}
            {{- if include "brewsaga.chaos" $root }}
            - {name: CHAOS_ENABLED, value: "true"}
            {{- end }}
            {{- range $key := keys $own.env | sortAlpha }}
            - {name: {{ $key }}, value: {{ get $own.env $key | quote }}}
            {{- end }}
          # Up once the database and its schema are there, which may take as long as a migration does.
          startupProbe:
            httpGet: {path: /livez, port: metrics}
            periodSeconds: 2
            timeoutSeconds: 5
            failureThreshold: 300
          # The loop's own heartbeat: it asks neither Kafka nor Postgres, or an outage would restart everything.
          livenessProbe:
            httpGet: {path: /livez, port: metrics}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: {path: /readyz, port: metrics}
            periodSeconds: 3
            timeoutSeconds: 5
            failureThreshold: 3
          lifecycle:
            # Services stop sending before the process stops taking.
            preStop: {sleep: {seconds: 3}}
          resources: {{- toYaml $own.resources | nindent 12 }}
          securityContext: {{- include "brewsaga.containerSecurity" $root | nindent 12 }}
          volumeMounts:
            - {name: secrets, mountPath: /run/secrets/brewsaga, readOnly: true}
      volumes:
        - name: secrets
          projected:
            defaultMode: 0440
            sources:
              - secret:
                  name: {{ include "brewsaga.databaseSecret" . }}
                  items: [{key: DATABASE_URL, path: database-url}]
              {{- include "brewsaga.kafkaFiles" . | nindent 14 }}
              {{- if $root.Values.api.token.enabled }}
              - secret:
                  name: {{ include "brewsaga.tokenSecret" $root }}
                  items: [{key: token, path: api-token}]
              {{- end }}
{{- end -}}

{{- define "brewsaga.rest" -}}
{{- $root := .root -}}
{{- $name := .name -}}
{{- $own := include "brewsaga.service" . | fromYaml -}}
{{- $full := printf "%s-%s" (include "brewsaga.fullname" $root) $name -}}
{{- $open := eq $name "order" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $full }}
  labels: {{- include "brewsaga.labels" $root | nindent 4 }}
    app.kubernetes.io/name: {{ $name }}
automountServiceAccountToken: false
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $full }}
  labels: {{- include "brewsaga.labels" $root | nindent 4 }}
    app.kubernetes.io/name: {{ $name }}
spec:
  type: {{ ternary $root.Values.api.service.type "ClusterIP" $open }}
  selector: {{- include "brewsaga.instanceLabels" $root | nindent 4 }}
    app.kubernetes.io/name: {{ $name }}
  ports:
    - name: http
      port: 80
      targetPort: http
      {{- if and $open $root.Values.api.service.nodePort }}
      nodePort: {{ $root.Values.api.service.nodePort }}
      {{- end }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $full }}
  labels: {{- include "brewsaga.labels" $root | nindent 4 }}
    app.kubernetes.io/name: {{ $name }}
spec:
  maxUnavailable: {{ $own.maxUnavailable }}
  selector:
    matchLabels: {{- include "brewsaga.instanceLabels" $root | nindent 6 }}
      app.kubernetes.io/name: {{ $name }}
{{- end -}}
