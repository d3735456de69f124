"""The words that the resources, the operator and the chart share. A leaf: it imports nothing."""

from typing import Final

GROUP: Final = "brewsaga.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

SAGA_KIND: Final = "BrewSaga"
SAGAS: Final = "brewsagas"
EXPERIMENT_KIND: Final = "SagaExperiment"
EXPERIMENTS: Final = "sagaexperiments"

FIELD_MANAGER: Final = "brewsaga-operator"
"""Owns what the operator applies; nothing else of an object is ever touched."""

CHAOS_LABEL: Final = f"{GROUP}/chaos"
"""On a namespace and on a pod: without both, no fault is put there."""
CHAOS_ALLOWED: Final = "allowed"

SERVICE_LABELS: Final = "app.kubernetes.io/component=service,app.kubernetes.io/name={}"
"""How a service's pods are found."""

NEEDS_LABELS: Final = {"Kafka": f"{GROUP}/needs-kafka", "Postgres": f"{GROUP}/needs-postgres"}
"""By these labels, set to "true", the chart's policies let a pod reach Kafka and Postgres."""

FINALIZER: Final = f"{GROUP}/recover"
"""On an experiment that has not ended: its faults are taken back before it goes."""
