"""Write the Grafana dashboards of deploy/telemetry from the names of servicekit.telemetry."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servicekit import telemetry as names

FOLDER = Path(__file__).parents[1] / "deploy" / "telemetry" / "dashboards"

Json = dict[str, Any]  # Any: JSON

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT = 12, 8  # of Grafana's 24 columns, and rows of 30 px: two panels side by side
_QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart.

    Attributes:
        title: what it shows.
        unit: Grafana's name of the unit.
        queries: PromQL, by the legend of its lines.
        help: what it tells, and what to do.
    """

    title: str
    unit: str
    queries: dict[str, str]
    help: str = ""


def _rate(metric: str, by: str, matchers: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{matchers}[$__rate_interval]))"


def _quantiles(metric: str, by: str, matchers: str = "") -> dict[str, str]:
    """Return queries of the usual quantiles of a histogram."""
    rate = _rate(f"{metric}_bucket", f"le, {by}", matchers)
    return {
        f"p{100 * quantile:.0f} {{{{{by}}}}}": f"histogram_quantile({quantile}, {rate})"
        for quantile in _QUANTILES
    }


GATEWAY = (
    Panel(
        "Requests",
        "reqps",
        {"{{route}}": _rate(f"{names.HTTP_SECONDS}_count", "route")},
    ),
    Panel(
        "Answers by status",
        "reqps",
        {"{{status}}": _rate(f"{names.HTTP_SECONDS}_count", "status")},
        "429: raise limits or add replicas; 502: the origin of a picture; 503: a service is away.",
    ),
    Panel("Time of a request", "s", _quantiles(names.HTTP_SECONDS, "route")),
    Panel("Requests in flight", "short", {"{{pod}}": f"sum by (pod) ({names.HTTP_IN_FLIGHT})"}),
)

MODELS = (
    Panel("RPCs", "reqps", {"{{method}}": _rate(f"{names.RPC_SECONDS}_count", "method")}),
    Panel(
        "RPCs that failed",
        "reqps",
        {
            "{{method}} {{code}}": _rate(
                f"{names.RPC_SECONDS}_count", "method, code", '{code!="OK"}'
            )
        },
        "INVALID_ARGUMENT is the caller's; RESOURCE_EXHAUSTED asks for replicas.",
    ),
    Panel("Time of an RPC", "s", _quantiles(names.RPC_SECONDS, "method")),
    Panel("RPCs in flight", "short", {"{{pod}}": f"sum by (pod) ({names.RPCS_IN_FLIGHT})"}),
    Panel(
        "Requests in line",
        "short",
        {"{{task}}": f"sum by (task) ({names.MODEL_WAITING})"},
        "What KEDA scales by.",
    ),
    Panel(
        "Wait in line",
        "s",
        _quantiles(names.MODEL_QUEUE_SECONDS, "task", f'{{stage="{names.LINE}"}}'),
    ),
    Panel(
        "Wait for a batch",
        "s",
        _quantiles(names.MODEL_QUEUE_SECONDS, "task", f'{{stage="{names.BATCH}"}}'),
    ),
    Panel("Time of a batch", "s", _quantiles(names.MODEL_RUN_SECONDS, "task")),
    Panel(
        "Requests in a batch",
        "short",
        {
            "{{task}}": f"{_rate(f'{names.MODEL_BATCH_SIZE}_sum', 'task')}"
            f" / {_rate(f'{names.MODEL_BATCH_SIZE}_count', 'task')}"
        },
    ),
    Panel(
        "Requests refused and cancelled",
        "reqps",
        {
            "refused {{task}}": _rate(f"{names.MODEL_SHED}_total", "task"),
            "cancelled {{task}}": _rate(f"{names.MODEL_CANCELLED}_total", "task"),
        },
    ),
    Panel(
        "Models lost",
        "short",
        {"{{task}}": f"sum by (task) (increase({names.MODEL_LOSSES}_total[$__rate_interval]))"},
        "A model hung or died, and was loaded anew.",
    ),
    Panel(
        "Answers by model",
        "reqps",
        {
            "{{model}} {{version}} {{device}}": _rate(
                f"{names.MODEL_ANSWERS}_total", "model, version, device"
            )
        },
    ),
)


def dashboard(uid: str, title: str, panels: tuple[Panel, ...]) -> Json:
    """Return a dashboard as Grafana imports it."""
    return {
        "uid": uid,
        "title": title,
        "tags": ["imagemesh"],
        "schemaVersion": 39,
        "editable": True,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }


def _panel(number: int, panel: Panel) -> Json:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.help,
        "datasource": _DATASOURCE,
        "gridPos": {
            "x": _WIDTH * (number % 2),
            "y": _HEIGHT * (number // 2),
            "w": _WIDTH,
            "h": _HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "expr": query,
                "legendFormat": legend,
                "datasource": _DATASOURCE,
            }
            for place, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def dashboard_files() -> dict[str, str]:
    """Return the names and texts of the files."""
    dashboards = {
        "gateway.json": dashboard("imagemesh-gateway", "imagemesh: the gateway", GATEWAY),
        "models.json": dashboard("imagemesh-models", "imagemesh: the models", MODELS),
    }
    return {name: json.dumps(board, indent=2) + "\n" for name, board in dashboards.items()}


def main() -> int:
    """Write the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in dashboard_files().items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
