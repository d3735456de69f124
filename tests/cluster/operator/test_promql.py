"""An experiment that a real Prometheus judges too: the example, as it stands."""

from dataclasses import replace

import httpx
import pytest
import yaml

from brewsaga import targets
from brewsaga.prometheus import RULES, Watching, prometheus
from cluster.operator.kubectl import finished
from cluster.operator.setting import ROOT, Setting
from e2e.world import until

pytestmark = [pytest.mark.cluster, pytest.mark.long]

EXAMPLE = ROOT / "examples" / "chaos-promql.yaml"
SEEN = "brewsaga_invariant_violations_total"


async def test_the_example_is_measured_at_prometheus_and_passes(here: Setting) -> None:
    world = here.world
    assert world is not None, "metrics need the real services: unset OPERATOR_BACKEND"
    ports = {service: place.metrics_port for service, place in world.places.items()}
    where = Watching(targets.pattern(here.folder), RULES, here.folder / "prometheus")
    body = yaml.safe_load(EXAMPLE.read_text())
    name = body["metadata"]["name"]
    with targets.told(here.folder, "world", ports):
        async with prometheus(replace(where, scrape_seconds=1)) as url:
            await until("the services are scraped", lambda: _scraped(url), 30)
            await here.start(PROMETHEUS_URL=url)
            await here.place.kubectl("apply", "-f", str(EXAMPLE))
            status = await here.place.until("sx", name, finished, seconds=180)
            here.kill()
    print(f"{name}: {status['verdict']}: {status['message']}")
    assert status["verdict"] == "Pass"
    measured = {one["name"]: one["measured"] for one in status["probes"]}
    assert set(measured) == {probe["name"] for probe in body["spec"]["probes"]}
    assert all(count >= 3 for count in measured.values())


async def _scraped(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{url}/api/v1/query", params={"query": SEEN})
        return bool(answer.json()["data"]["result"])
