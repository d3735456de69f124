"""Objects of the API server as the pure parts take them, and events as it takes them.

What cannot be read (an object from before a change of the schema) is named and left alone.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from brewsaga_operator import names
from brewsaga_operator.plan import Milestone, Saga
from brewsaga_operator.resources import BrewSagaSpec
from brewsaga_operator.statuses import MESSAGE_MAX, SagaStatus, whole_seconds

Body = Mapping[str, Any]

_NO_NAME: Final = re.compile(r"[^a-z0-9.-]+")


class Unreadable(Exception):  # noqa: N818 - named for what is found
    """The object is not of this version's form; the text says where."""


def utc_now() -> datetime:
    """The operator's clock."""
    return datetime.now(UTC)


def meta_of(body: Body) -> dict[str, Any]:
    found: dict[str, Any] = dict(body["metadata"])
    return found


def saga_of(body: Body) -> Saga:
    """Raises Unreadable."""
    meta = meta_of(body)
    try:
        spec = BrewSagaSpec.model_validate(body["spec"])
        status = SagaStatus.model_validate(body.get("status") or {})
    except ValidationError as error:
        raise Unreadable(f"{meta['name']}: {error}") from error
    return Saga(
        name=meta["name"],
        uid=meta["uid"],
        generation=meta["generation"],
        created_at=datetime.fromisoformat(meta["creationTimestamp"]),
        spec=spec,
        status=status,
    )


def owner_of(body: Body) -> dict[str, Any]:
    """A reference by which what is made for `body` goes when it goes."""
    meta = meta_of(body)
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }


def event_of(body: Body, told: Milestone, now: datetime) -> dict[str, Any]:
    """An event. Its name says which milestone it is, so that each is told once."""
    meta = meta_of(body)
    reason = _NO_NAME.sub("-", told.reason.lower())
    moment = whole_seconds(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{meta['name']}.{meta['uid'][:8]}.{reason}",
            "namespace": meta["namespace"],
        },
        "involvedObject": {
            "apiVersion": body["apiVersion"],
            "kind": body["kind"],
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        },
        "type": "Warning" if told.is_warning else "Normal",
        "reason": told.reason,
        "message": told.message[:MESSAGE_MAX],
        "source": {"component": names.FIELD_MANAGER},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
