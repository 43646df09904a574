"""The schema refuses what it should, and a planted error in it is caught."""

import json

import pytest

from scripts.render_base import Object
from tests.deploy.paths import ABSENT, put, seen
from tests.deploy.planted import Planted
from tests.deploy.values_checks import values_faults

PLANTED = [
    Planted("$defs/service/properties/replicas/minimum", 0, "replicas may be 0"),
    Planted("$defs/pdb/properties/maxUnavailable/minimum", ABSENT, "maxUnavailable may be None"),
    Planted("$defs/parentRefs/items/properties/port/maximum", 99999, "port may be at most 99999"),
    Planted("$defs/image/properties/digest/pattern", "^(sha256:.*)?$", "'sha256:latest'"),
    Planted("$defs/quantities/additionalProperties/pattern", "^[0-9]+", "may be '4GB'"),
    Planted("properties/models/properties/pull/properties/cidr/pattern", ABSENT, "'10.0.0.1'"),
    Planted("$defs/service/properties/profile/enum", ["auto", "embedded"], "profile is one of"),
    Planted("properties/models/properties/source/enum/+", "none", "source is one of"),
    Planted("properties/logLevel", {"type": "string"}, "logLevel is one of None"),
]


def test_the_schema_has_no_faults(chart_schema: Object) -> None:
    assert values_faults(chart_schema) == []


@pytest.mark.parametrize("planted", PLANTED, ids=str)
def test_a_planted_error_is_caught(planted: Planted, chart_schema: Object) -> None:
    schema = json.loads(json.dumps(chart_schema))
    assert seen(schema, planted.path) != planted.value

    put(schema, planted.path, planted.value)

    assert planted.report in "\n".join(values_faults(schema))
