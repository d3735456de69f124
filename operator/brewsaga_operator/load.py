"""The orders of an experiment: BrewSagas of its own, which go with it."""

from collections.abc import Mapping
from typing import Any, Final

from brewsaga_operator import names, objects
from brewsaga_operator.cluster import ApiError, Cluster, custom
from brewsaga_operator.experiment import Experiment

PREFIX_MAX: Final = 200
"""Of a name of 253 characters at most, something must be left for what is appended."""


async def make_load(cluster: Cluster, experiment: Experiment, body: Mapping[str, Any]) -> None:
    """Make each; they are there once, however often this is done."""
    path = custom(names.SAGAS, experiment.namespace)
    for number, load in enumerate(experiment.spec.load):
        made = {
            "apiVersion": names.API_VERSION,
            "kind": names.SAGA_KIND,
            "metadata": {
                "name": f"{experiment.name[:PREFIX_MAX]}-load-{number}",
                "namespace": experiment.namespace,
                "ownerReferences": [objects.owner_of(body)],
            },
            "spec": load.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        try:
            await cluster.create(path, made)
        except ApiError as error:
            if not error.exists:
                raise
