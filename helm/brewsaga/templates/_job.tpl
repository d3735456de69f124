{{/* A pod of the command line: the migrations, the audit, the helm test. Arguments: root, component, args, env, files,
     resources, needs (a list of kafka, postgres). */}}
{{- define "brewsaga.commandLabels" -}}
{{- include "brewsaga.labels" .root }}
app.kubernetes.io/name: {{ .component }}
app.kubernetes.io/component: {{ .component }}
{{- range .needs }}
brewsaga.dev/needs-{{ . }}: "true"
{{- end }}
{{- end -}}

{{- define "brewsaga.commandPod" -}}
{{- $root := .root -}}
restartPolicy: {{ .restartPolicy | default "Never" }}
serviceAccountName: {{ include "brewsaga.fullname" $root }}-command
automountServiceAccountToken: false
enableServiceLinks: false
{{- include "brewsaga.pullSecrets" $root }}
securityContext: {{- include "brewsaga.podSecurity" 10001 | nindent 2 }}
containers:
  - name: {{ .component }}
    image: {{ include "brewsaga.image" (dict "root" $root "name" "brewsaga") | quote }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    args: {{ toJson .args }}
    env:
      - {name: TOPIC_PREFIX, value: {{ $root.Values.topicPrefix | quote }}}
      {{- with .env }}{{ . | nindent 6 }}{{ end }}
    {{- with .livePort }}
    # It serves; whether it can judge now is said in each answer.
    livenessProbe:
      httpGet: {path: /livez, port: {{ . }}}
      timeoutSeconds: 5
      failureThreshold: 6
    readinessProbe:
      httpGet: {path: /livez, port: {{ . }}}
      timeoutSeconds: 5
    {{- end }}
    resources: {{- toYaml .resources | nindent 6 }}
    securityContext: {{- include "brewsaga.containerSecurity" $root | nindent 6 }}
    volumeMounts:
      {{- range $name := keys .files | sortAlpha }}
      - {name: {{ $name }}, mountPath: /run/secrets/{{ $name }}, readOnly: true}
      {{- end }}
volumes:
  {{- range $name := keys .files | sortAlpha }}
  - name: {{ $name }}
    projected:
      defaultMode: 0440
      sources: {{- get $.files $name | nindent 8 }}
  {{- end }}
{{- end -}}

{{/* The audit's own DATABASE_URLs, which may read all and write nothing. */}}
{{- define "brewsaga.auditFiles" -}}
- secret:
    name: {{ include "brewsaga.auditSecret" . }}
    items:
      {{- range $name := keys .Values.services | sortAlpha }}
      - {key: {{ $name }}, path: {{ $name }}}
      {{- end }}
{{- end -}}
