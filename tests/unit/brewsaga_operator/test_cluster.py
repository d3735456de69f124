"""The few verbs over HTTP, and how errors are told apart."""

import json

import httpx
import pytest

from brewsaga_operator.cluster import ApiError, Cluster, collections, core, custom

META = {"name": "x", "namespace": "n", "uid": "u-1", "labels": "of no interest"}


def cluster(*answers: httpx.Response) -> tuple[Cluster, list[httpx.Request]]:
    left, asked = list(answers), list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return left.pop(0)

    transport = httpx.MockTransport(answer)
    return Cluster(httpx.AsyncClient(transport=transport, base_url="http://k")), asked


async def test_a_status_is_applied_as_our_own_and_to_this_very_object() -> None:
    api, asked = cluster(httpx.Response(200, json={"status": {}}))
    await api.apply_status("brewsagas", "BrewSaga", META, {"phase": "Running"})
    (request,) = asked
    assert request.url.path == "/apis/brewsaga.dev/v1alpha1/namespaces/n/brewsagas/x/status"
    assert request.url.params["fieldManager"] == "brewsaga-operator"
    assert request.headers["content-type"] == "application/apply-patch+yaml"
    assert json.loads(request.content)["metadata"] == {"name": "x", "namespace": "n", "uid": "u-1"}


async def test_a_list_is_read_to_its_end() -> None:
    first = {"items": [{"n": 1}], "metadata": {"continue": "more"}}
    api, asked = cluster(
        httpx.Response(200, json=first), httpx.Response(200, json={"items": [], "metadata": {}})
    )
    assert await api.list(core("pods", "n"), labelSelector="a=b") == [{"n": 1}]
    assert asked[1].url.params["continue"] == "more"
    assert asked[1].url.params["labelSelector"] == "a=b"


async def test_a_deletion_is_of_this_very_object() -> None:
    api, asked = cluster(httpx.Response(200, json={}))
    await api.delete(custom("brewsagas", "n", "x"), "u-1", grace_seconds=0)
    body = json.loads(asked[0].content)
    assert body["preconditions"] == {"uid": "u-1"}
    assert body["gracePeriodSeconds"] == 0


@pytest.mark.parametrize(
    ("status", "gone", "exists"), [(404, True, False), (409, False, True), (500, False, False)]
)
async def test_errors_by_what_to_do_next(status: int, gone: bool, exists: bool) -> None:
    api, _ = cluster(httpx.Response(status, json={"message": "because"}))
    with pytest.raises(ApiError, match="because") as refused:
        await api.get(custom("brewsagas", "n", "x"))
    assert (refused.value.is_gone, refused.value.exists) == (gone, exists)


def test_all_of_a_kind_is_asked_for_where_it_is_served() -> None:
    assert collections("brewsagas", []) == ["/apis/brewsaga.dev/v1alpha1/brewsagas"]
    assert len(collections("brewsagas", ["a", "b"])) == 2
