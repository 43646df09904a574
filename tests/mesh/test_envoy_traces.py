"""One trace leads through Envoy, the gateway and a service, when Envoy is told to make its part."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.running_envoy import http_client, running_envoy, until_healthy
from gateway.hosting.hosted import RESULTS_PATH
from scripts.envoy_on_loopback import new_places
from scripts.ports import free_ports
from tests.collector import CollectedSpan, Collector, collecting
from tests.gateway.running import Gateway, gateway_settings, running
from tests.gateway.services import serving_all
from tests.gateway.stage import Stage
from tests.gateway.uploads import base64

README = Path(__file__).parents[2] / "deploy" / "README.md"
CLASSIFY = "imagemesh.vision.v1.VisionService/Classify"
CANARY = "sesame"


@dataclass(frozen=True, slots=True)
class Front:
    """Envoy before a gateway and a service, all of them traced.

    Attributes:
        http: a client of the public port.
        gateway: has the key.
    """

    http: aiohttp.ClientSession
    gateway: Gateway

    async def classify(self) -> None:
        """Ask for labels through Envoy."""
        body, headers = {"image": base64()}, {"X-API-Key": self.gateway.key}
        async with self.http.post("/api/v1/classify", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def traced(
    folder: Path, collector: Collector, *, options: tuple[str, ...]
) -> AsyncIterator[Front]:
    """Run them; the gateway reaches the service through Envoy too."""
    inner, authz, colorize, ocr = free_ports(4)
    async with serving_all(Stage(), traced_to=collector.url) as addresses:
        own = int(addresses["vision_address"].rpartition(":")[2])
        settings = gateway_settings(
            folder, otlp_endpoint=collector.url, vision_address=f"127.0.0.1:{inner}"
        )
        async with running(settings) as gateway:
            upstreams = {"vision": [own], "colorize": [colorize], "ocr": [ocr], "authz": [authz]}
            upstreams["gateway"] = [int(gateway.url.rpartition(":")[2])]
            upstreams["otel-collector"] = [collector.port]
            places = new_places(folder, upstreams, ports={"mesh-vision": inner})
            async with running_envoy(places, folder, options=options), http_client(places) as http:
                await until_healthy(places, {"vision": 1, "gateway": 1})
                yield Front(http, gateway)


async def test_one_trace_leads_through_all_of_them(tmp_path: Path) -> None:
    told = ("--config-yaml", option_in_readme())
    async with collecting() as collector, traced(tmp_path, collector, options=told) as front:
        await front.classify()
        async with front.http.get(f"{RESULTS_PATH}/{CANARY}?{CANARY}") as answer:
            assert answer.status == 404
        await collector.until("envoy", count=3)

    answered = collector.of("vision", CLASSIFY)
    asked = collector.of("gateway", CLASSIFY)
    request = collector.of("gateway", "POST /api/v1/classify")
    way = way_up(collector, answered)
    assert [one.process for one in way] == ["vision", "envoy", "gateway", "gateway", "envoy"]
    assert (way[2], way[3], way[4].parent_id) == (asked, request, "")
    assert {one.trace_id for one in way} == {answered.trace_id}
    sent = b"".join(collector.received)
    assert CANARY.encode() not in sent
    assert front.gateway.key.encode() not in sent


async def test_envoy_that_is_not_told_decides_that_there_are_none(tmp_path: Path) -> None:
    async with collecting() as collector, traced(tmp_path, collector, options=()) as front:
        await front.classify()

    assert collector.spans == []


def way_up(collector: Collector, span: CollectedSpan) -> list[CollectedSpan]:
    """Return a span and all those that it is within, one after the other."""
    above = [one for one in collector.spans if one.span_id == span.parent_id]
    return [span, *(way_up(collector, above[0]) if above else [])]


def option_in_readme() -> str:
    """Return what README.md says that Envoy must be told."""
    (line,) = [line for line in README.read_text().splitlines() if "--config-yaml" in line]
    return line.partition("'")[2].rpartition("'")[0]
