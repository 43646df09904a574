"""Cases of what a value of the chart changes, and where in which object that is seen."""

from dataclasses import dataclass

from tests.deploy.paths import ABSENT

POD = "spec/template/spec"
OCR = f"{POD}/containers/ocr"
GATEWAY = f"{POD}/containers/gateway"
ENVOY = f"{POD}/containers/envoy"


@dataclass(frozen=True, slots=True)
class Case:
    """Some values, and one thing that they change.

    Attributes:
        values: by their dotted names.
        place: kind, name without the release, and path of what is looked at.
        expected: what is seen there with the values; ABSENT where it is not there.
        before: what is seen there without them; "..." where it is something.
        accepts: begin of the faults that these values make on purpose.
    """

    values: dict[str, object]
    place: tuple[str, str, str]
    expected: object
    before: object = ABSENT
    accepts: str = "(none)"

    def __str__(self) -> str:
        """Return what names the case in a report."""
        return f"{','.join(self.values)}-{self.place[0]}-{self.place[2].rpartition('/')[2]}"


def deployment(name: str, path: str) -> tuple[str, str, str]:
    """Return a place in a Deployment."""
    return "Deployment", name, path
