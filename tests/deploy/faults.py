"""All faults of rendered objects that the project's own checks know."""

from collections.abc import Sequence

from scripts.render_base import Object
from tests.deploy.enum_checks import enum_faults
from tests.deploy.pod_checks import pod_faults
from tests.deploy.reference_checks import reference_faults
from tests.deploy.sense_checks import sense_faults
from tests.deploy.traffic_checks import traffic_faults


def faults_of(parts: Sequence[Object]) -> list[str]:
    """Return what is wrong, a sentence each."""
    checks = (enum_faults, pod_faults, reference_faults, traffic_faults, sense_faults)
    return [fault for check in checks for fault in check(parts)]
