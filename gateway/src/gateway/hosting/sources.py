"""Sources of bulk jobs: folders and buckets that the operator allows an account to read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from attrs import define, field
from obstore.store import ObjectStore, from_url

from gateway.hosting.results import store_at_work
from gateway.problems import Problem
from servicekit.limits import MAX_IMAGE_BYTES

EVERYBODY: Final = "*"

_SCHEMES: Final = ("s3://", "file:///")


@dataclass(frozen=True, slots=True)
class Source:
    """A folder that a caller named, within one that is allowed."""

    store: ObjectStore  # the allowed folder or bucket
    prefix: str  # of the keys within the store; empty, or with a slash at the end

    def keys(self) -> Iterator[str]:
        """Yield the keys of the files, hidden ones left out, in the order of the store.

        Raises:
            Problem: 503, the source is away.
        """
        with store_at_work():
            for page in self.store.list(self.prefix or None):
                for entry in page:
                    key = entry["path"].removeprefix(self.prefix)
                    if not any(part.startswith(".") for part in key.split("/")):
                        yield key

    async def read(self, key: str) -> bytes:
        """Return the file of a key.

        Raises:
            Problem: 400, there is no such file; 413, it is too large; 503, the source is away.
        """
        try:
            with store_at_work():
                answer = await self.store.get_async(self.prefix + key)
                if answer.meta["size"] > MAX_IMAGE_BYTES:
                    limit = f"{MAX_IMAGE_BYTES // 2**20} MiB"
                    message = f"the image is larger than the limit of {limit}"
                    raise Problem(413, "image_too_large", message)
                return bytes(await answer.bytes_async())
        except (FileNotFoundError, ValueError) as error:  # ValueError: no key, as "../x"
            message = f"parameter 'key': the source has no file {key[:200]!r}"
            raise Problem(400, "invalid_parameter", message) from error


@define(eq=False)
class Sources:
    """Folders and buckets that accounts may read."""

    _allowed: Mapping[str, Sequence[str]]  # URLs of each account, of all accounts by `EVERYBODY`
    _stores: dict[str, ObjectStore] = field(factory=dict, init=False)

    def find(self, url: str, *, account: str) -> Source:
        """Return the source at a URL.

        Raises:
            Problem: 403, the account may not read there.
        """
        for allowed in (*self._allowed.get(account, ()), *self._allowed.get(EVERYBODY, ())):
            root = allowed.rstrip("/") + "/"
            below = f"{url.rstrip('/')}/".removeprefix(root)
            if f"{url.rstrip('/')}/" == root + below and ".." not in below.split("/"):
                if allowed not in self._stores:
                    self._stores[allowed] = from_url(allowed)
                return Source(self._stores[allowed], below)
        message = "parameter 'source': whoever runs the mesh has not allowed this account that URL"
        raise Problem(403, "forbidden_source", message)


def parse_sources(text: str) -> dict[str, tuple[str, ...]]:
    """Return the URLs by account of "ada=s3://bucket/ada,*=s3://public/images".

    Raises:
        ValueError: an entry is none.
    """
    found: dict[str, tuple[str, ...]] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        account, _, url = (part.strip() for part in entry.partition("="))
        if not account or not url.startswith(_SCHEMES):
            raise ValueError(
                f"{entry!r} is no ACCOUNT=s3://BUCKET/PREFIX or ACCOUNT=file:///FOLDER"
            )
        found[account] = (*found.get(account, ()), url)
    return found
