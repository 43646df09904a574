"""Places within objects, such as spec/template/spec/containers/ocr/image.

Steps are parted by slashes; entries of lists are found by their name or number; ~ stands for a
slash within a step.
"""

from typing import Any

from scripts.render_base import Object

ABSENT = "(absent)"


def find(parts: list[Object], kind: str, name: str) -> Object | None:
    """Return the object of a kind that is called `name`, with or without the release's name."""
    names = {name, f"imagemesh-{name}"}
    found = [part for part in parts if part["kind"] == kind and part["metadata"]["name"] in names]
    return found[0] if found else None


def seen(part: Object | None, path: str) -> Any:  # Any: whatever is there
    """Return what is at a place, or ABSENT."""
    value: Any = ABSENT if part is None else part  # Any: as above
    for step in _steps(path):
        value = _inner(value, step)
    return value


def put(part: Object, path: str, value: object) -> None:
    """Write `value` at a place that must have a parent; ABSENT takes away what is there.

    Raises:
        KeyError: the parent is not there.
    """
    *folders, last = _steps(path)
    place = seen(part, "/".join(step.replace("/", "~") for step in folders)) if folders else part
    if place == ABSENT:
        raise KeyError(path)
    if isinstance(place, list):
        _put_in_list(place, last, value)
    elif value == ABSENT:
        del place[last]
    else:
        place[last] = value


def _put_in_list(place: list[Any], last: str, value: object) -> None:  # Any: as above
    if last == "+":
        place.append(value)
        return
    number = next(
        number
        for number, entry in enumerate(place)
        if last == str(number) or _is_called(entry, last)
    )
    if value == ABSENT:
        del place[number]
    else:
        place[number] = value


def _is_called(entry: object, name: str) -> bool:
    return isinstance(entry, dict) and entry.get("name") == name


def _steps(path: str) -> list[str]:
    return [step.replace("~", "/") for step in path.split("/")]


def _inner(value: Any, step: str) -> Any:  # Any: as above
    if isinstance(value, dict):
        return value.get(step, ABSENT)
    if isinstance(value, list) and step.isdigit():
        return value[int(step)] if int(step) < len(value) else ABSENT
    if isinstance(value, list):
        return next((entry for entry in value if _is_called(entry, step)), ABSENT)
    return ABSENT
