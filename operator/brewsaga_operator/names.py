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

COMPONENT_LABEL: Final = "app.kubernetes.io/component"
"""The service that a pod belongs to."""

FINALIZER: Final = f"{GROUP}/recover"
"""On an experiment that has not ended: its faults are taken back before it goes."""
