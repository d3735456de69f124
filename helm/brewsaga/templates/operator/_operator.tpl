{{/* The operator's labels and its pod: the same for the Deployment and for the job that leaves. */}}

{{- define "brewsaga.operatorLabels" -}}
{{ include "brewsaga.labels" . }}
app.kubernetes.io/name: operator
app.kubernetes.io/component: operator
{{- end -}}

{{/* Arguments: root, args (of python; empty: the image's own entry), restartPolicy. */}}
{{- define "brewsaga.operatorPod" -}}
{{- $root := .root -}}
{{- $operator := $root.Values.operator -}}
{{- $full := include "brewsaga.fullname" $root -}}
restartPolicy: {{ .restartPolicy }}
serviceAccountName: {{ $full }}-operator
# The only pod of the release that talks to the API server.
automountServiceAccountToken: true
enableServiceLinks: false
{{- include "brewsaga.pullSecrets" $root }}
securityContext: {{- include "brewsaga.podSecurity" 10001 | nindent 2 }}
terminationGracePeriodSeconds: 30
{{- with $operator.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $operator.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: operator
    image: {{ include "brewsaga.image" (dict "root" $root "name" "operator") | quote }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    {{- with .args }}
    args: {{ toJson . }}
    {{- end }}
    ports:
      - {name: metrics, containerPort: 9100}
    env:
      - {name: HTTP_HOST, value: 0.0.0.0}
      - {name: METRICS_PORT, value: "9100"}
      - {name: ORDER_URL, value: {{ include "brewsaga.orderUrl" $root | quote }}}
      - {name: TARGET_NAMESPACE, value: {{ $root.Release.Namespace }}}
      - {name: WATCH_NAMESPACES, value: {{ toJson $operator.watchNamespaces | quote }}}
      - {name: LOG_LEVEL, value: {{ $root.Values.settings.logLevel }}}
      - {name: CHAOS_ENABLED, value: {{ $operator.chaos.enabled | quote }}}
      - {name: BROKER_KILL_ALLOWED, value: {{ $operator.chaos.brokerKill | quote }}}
      - {name: DATABASE_KILL_ALLOWED, value: {{ $operator.chaos.databaseKill | quote }}}
      - {name: BROKER_SELECTOR, value: {{ $operator.chaos.brokerSelector | quote }}}
      - {name: DATABASE_SELECTOR, value: {{ $operator.chaos.databaseSelector | quote }}}
      - {name: PROMETHEUS_URL, value: {{ $operator.prometheusUrl | quote }}}
      {{- if and $operator.auditor.enabled $root.Values.audit.enabled }}
      - {name: AUDIT_URL, value: "http://{{ $full }}-auditor"}
      {{- end }}
      {{- if $root.Values.api.token.enabled }}
      - {name: API_TOKEN_FILE, value: /run/secrets/brewsaga/api-token}
      {{- end }}
    {{- if not .args }}
    # It fails when a watch is dead, and never because the order service or the API server is away.
    livenessProbe:
      httpGet: {path: /livez, port: metrics}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 3
    readinessProbe:
      httpGet: {path: /readyz, port: metrics}
      timeoutSeconds: 5
    {{- end }}
    resources: {{- toYaml $operator.resources | nindent 6 }}
    securityContext: {{- include "brewsaga.containerSecurity" $root | nindent 6 }}
    volumeMounts:
      - {name: scratch, mountPath: /tmp}
      {{- if $root.Values.api.token.enabled }}
      - {name: token, mountPath: /run/secrets/brewsaga, readOnly: true}
      {{- end }}
volumes:
  - name: scratch
    emptyDir: {sizeLimit: 8Mi}
  {{- if $root.Values.api.token.enabled }}
  - name: token
    secret:
      secretName: {{ include "brewsaga.tokenSecret" $root }}
      defaultMode: 0440
      items: [{key: token, path: api-token}]
  {{- end }}
{{- end -}}
