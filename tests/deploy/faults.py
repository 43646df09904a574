"""All faults of rendered objects that the project's own checks know."""

from collections.abc import Sequence

from scripts.render_base import Object
from tests.deploy.container_checks import container_faults
from tests.deploy.enum_checks import enum_faults
from tests.deploy.exposure_checks import exposure_faults
from tests.deploy.field_checks import field_faults
from tests.deploy.pod_checks import pod_faults
from tests.deploy.reference_checks import reference_faults
from tests.deploy.scaling_checks import scaling_faults
from tests.deploy.sense_checks import sense_faults
from tests.deploy.traffic_checks import traffic_faults

CHECKS = (
    *(field_faults, enum_faults, pod_faults, container_faults, scaling_faults),
    *(reference_faults, traffic_faults, exposure_faults, sense_faults),
)


def faults_of(parts: Sequence[Object]) -> list[str]:
    """Return what is wrong, a sentence each."""
    return [fault for check in CHECKS for fault in check(parts)]
