{{/* Names, labels and the few sentences of settings that more than one template needs. */}}

{{- define "brewsaga.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (default .Chart.Name .Values.nameOverride) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (default .Chart.Name .Values.nameOverride) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What a selector may say: it never changes, whatever the version. */}}
{{- define "brewsaga.instanceLabels" -}}
app.kubernetes.io/part-of: brewsaga
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "brewsaga.labels" -}}
{{ include "brewsaga.instanceLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* The image of a service (or of the command line). Arguments: root, name. */}}
{{- define "brewsaga.image" -}}
{{- $image := .root.Values.image -}}
{{- $place := printf "%s/%s:%s" $image.repository .name (default .root.Chart.AppVersion $image.tag) -}}
{{- if $image.registry }}{{ $image.registry }}/{{ end }}{{ $place }}
{{- end -}}

{{- define "brewsaga.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Restricted Pod Security, and a little more. */}}
{{- define "brewsaga.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "brewsaga.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* A word that stays what it was: the one in the cluster, else a new one. Arguments: root, secret, key. */}}
{{- define "brewsaga.keptWord" -}}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace .secret -}}
{{- if and $found (hasKey ($found.data | default dict) .key) -}}
{{- index $found.data .key | b64dec -}}
{{- else -}}
{{- randAlphaNum 32 -}}
{{- end -}}
{{- end -}}

{{/* What one service is set to: its own values over those that all have. Arguments: root, name. */}}
{{- define "brewsaga.service" -}}
{{- $own := get .root.Values.services .name | default dict -}}
{{- mergeOverwrite (deepCopy .root.Values.serviceDefaults) (deepCopy $own) | toYaml -}}
{{- end -}}

{{- define "brewsaga.tokenSecret" -}}
{{- default (printf "%s-api-token" (include "brewsaga.fullname" .)) .Values.api.token.existingSecret -}}
{{- end -}}

{{- define "brewsaga.orderUrl" -}}
http://{{ include "brewsaga.fullname" . }}-order
{{- end -}}

{{/* ---------------------------------------------------------------- Kafka, whoever provides it */}}

{{- define "brewsaga.kafkaCluster" -}}
{{- default (printf "%s-kafka" (include "brewsaga.fullname" .)) .Values.kafka.strimzi.clusterName -}}
{{- end -}}

{{/* Users of Kafka: the services, the audit, and the autoscaler where there is one. Arguments: root, name. */}}
{{- define "brewsaga.kafkaUser" -}}
{{- if eq .root.Values.kafka.provider "strimzi" -}}
{{ include "brewsaga.fullname" .root }}-{{ .name }}
{{- else -}}
{{- (get .root.Values.kafka.external.users .name | default dict).username | default "" -}}
{{- end -}}
{{- end -}}

{{- define "brewsaga.kafkaSecret" -}}
{{- if eq .root.Values.kafka.provider "strimzi" -}}
{{ include "brewsaga.fullname" .root }}-{{ .name }}
{{- else -}}
{{- (get .root.Values.kafka.external.users .name | default dict).secret | default "" -}}
{{- end -}}
{{- end -}}

{{- define "brewsaga.kafkaCaSecret" -}}
{{- if eq .Values.kafka.provider "strimzi" -}}
{{ include "brewsaga.kafkaCluster" . }}-cluster-ca-cert
{{- else -}}
{{ .Values.kafka.external.caSecret }}
{{- end -}}
{{- end -}}

{{- define "brewsaga.kafkaBootstrap" -}}
{{- if eq .Values.kafka.provider "strimzi" -}}
{{ include "brewsaga.kafkaCluster" . }}-kafka-bootstrap:9093
{{- else -}}
{{ .Values.kafka.external.bootstrapServers }}
{{- end -}}
{{- end -}}

{{/* How a client gets into Kafka. Arguments: root, name. */}}
{{- define "brewsaga.kafkaEnv" -}}
{{- $external := .root.Values.kafka.external -}}
{{- $strimzi := eq .root.Values.kafka.provider "strimzi" -}}
{{- $protocol := ternary "SASL_SSL" $external.securityProtocol $strimzi -}}
- {name: KAFKA_BOOTSTRAP_SERVERS, value: {{ include "brewsaga.kafkaBootstrap" .root | quote }}}
- {name: KAFKA_SECURITY_PROTOCOL, value: {{ $protocol }}}
{{- if hasPrefix "SASL" $protocol }}
- {name: KAFKA_SASL_MECHANISM, value: {{ ternary "SCRAM-SHA-512" $external.saslMechanism $strimzi }}}
- {name: KAFKA_USERNAME, value: {{ include "brewsaga.kafkaUser" . | quote }}}
- {name: KAFKA_PASSWORD_FILE, value: /run/secrets/brewsaga/kafka-password}
{{- end }}
{{- if and (hasSuffix "SSL" $protocol) (include "brewsaga.kafkaCaSecret" .root) }}
- {name: KAFKA_CA_FILE, value: /run/secrets/brewsaga/kafka-ca.crt}
{{- end }}
{{- end -}}

{{/* The files that go with it. Arguments: root, name. */}}
{{- define "brewsaga.kafkaFiles" -}}
{{- $external := .root.Values.kafka.external -}}
{{- $strimzi := eq .root.Values.kafka.provider "strimzi" -}}
{{- $protocol := ternary "SASL_SSL" $external.securityProtocol $strimzi -}}
{{- if hasPrefix "SASL" $protocol }}
- secret:
    name: {{ include "brewsaga.kafkaSecret" . }}
    items: [{key: password, path: kafka-password}]
{{- end }}
{{- if and (hasSuffix "SSL" $protocol) (include "brewsaga.kafkaCaSecret" .root) }}
- secret:
    name: {{ include "brewsaga.kafkaCaSecret" .root }}
    items: [{key: {{ ternary "ca.crt" $external.caKey $strimzi }}, path: kafka-ca.crt}]
{{- end }}
{{- end -}}

{{/* ---------------------------------------------------------------- Postgres, whoever provides it */}}

{{- define "brewsaga.postgresName" -}}
{{- if eq .Values.postgres.provider "cnpg" -}}
{{- default (printf "%s-postgres" (include "brewsaga.fullname" .)) .Values.postgres.cnpg.clusterName -}}
{{- else -}}
{{ include "brewsaga.fullname" . }}-postgres
{{- end -}}
{{- end -}}

{{- define "brewsaga.postgresHost" -}}
{{ include "brewsaga.postgresName" . }}{{ if eq .Values.postgres.provider "cnpg" }}-rw{{ end }}
{{- end -}}

{{/* The Secret with DATABASE_URL of one service. Arguments: root, name. */}}
{{- define "brewsaga.databaseSecret" -}}
{{- if eq .root.Values.postgres.provider "external" -}}
{{- get .root.Values.postgres.external.secrets .name -}}
{{- else -}}
{{ include "brewsaga.fullname" .root }}-{{ .name }}-database
{{- end -}}
{{- end -}}

{{- define "brewsaga.adminSecret" -}}
{{- if eq .Values.postgres.provider "external" -}}
{{ .Values.postgres.external.adminSecret }}
{{- else -}}
{{ include "brewsaga.fullname" . }}-postgres-admin
{{- end -}}
{{- end -}}

{{- define "brewsaga.auditSecret" -}}
{{- if eq .Values.postgres.provider "external" -}}
{{ .Values.postgres.external.auditSecret }}
{{- else -}}
{{ include "brewsaga.fullname" . }}-audit-database
{{- end -}}
{{- end -}}

{{/* Every service's DATABASE_URL as a file named after it. */}}
{{- define "brewsaga.databaseFiles" -}}
{{- range $name := keys .Values.services | sortAlpha }}
- secret:
    name: {{ include "brewsaga.databaseSecret" (dict "root" $ "name" $name) }}
    items: [{key: DATABASE_URL, path: {{ $name }}}]
{{- end }}
{{- end -}}

{{- define "brewsaga.contract" -}}
{{ .Files.Get "files/contract.json" }}
{{- end -}}

{{/* Whether experiments may be run on what this chart deploys: not empty, or empty. */}}
{{- define "brewsaga.chaos" -}}
{{- if and .Values.operator.enabled .Values.operator.chaos.enabled }}yes{{ end -}}
{{- end }}

{{/* ---------------------------------------------------------------- our definitions, which outlive a release */}}

{{/* Who owns a CustomResourceDefinition that is in the cluster: NAMESPACE/RELEASE, `nobody`, or empty where it is not there.
     The argument is its name. These labels are what helm looks at before it touches what it did not make. */}}
{{- define "brewsaga.crdOwner" -}}
{{- $found := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" . -}}
{{- if $found -}}
{{- $notes := $found.metadata.annotations | default dict -}}
{{- $labels := $found.metadata.labels | default dict -}}
{{- $release := get $notes "meta.helm.sh/release-name" -}}
{{- if and $release (eq (get $labels "app.kubernetes.io/managed-by") "Helm") -}}
{{- get $notes "meta.helm.sh/release-namespace" }}/{{ $release -}}
{{- else -}}
nobody
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether this release writes a definition: not empty, or empty. One that an uninstall of it left is its own again; one of
     another release, or of somebody who applied it, is used as it is: helm would refuse the whole release for its sake.
     Arguments: root, name. */}}
{{- define "brewsaga.writesCrd" -}}
{{- $own := printf "%s/%s" .root.Release.Namespace .root.Release.Name -}}
{{- if and .root.Values.crds.install (has (include "brewsaga.crdOwner" .name) (list "" $own)) }}yes{{ end -}}
{{- end -}}

{{/* The definitions that were there before this release, with their owners: a line each. */}}
{{- define "brewsaga.crdsOfOthers" -}}
{{- range $name := list "brewsagas.brewsaga.dev" "sagaexperiments.brewsaga.dev" -}}
{{- if not (include "brewsaga.writesCrd" (dict "root" $ "name" $name)) }}
{{ $name }} of {{ include "brewsaga.crdOwner" $name | default "nobody, for it is not there" }}
{{- end -}}
{{- end -}}
{{- end -}}
