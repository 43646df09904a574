"""The synchronous client: the asynchronous one, run by an event loop in a thread of its own."""

import inspect
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal
from typing_extensions import Self

from contract.endpoint import EndpointRequest
from contract.endpoints.colorize import ColorizeAnswer
from contract.endpoints.ocr import PdfAnswer
from contract.jobs import JobPage
from contract.lookups import Language, Usage
from imagemesh.client.client import AsyncClient
from imagemesh.client.images import DownloadedFile, Source

AnswerT = TypeVar("AnswerT")


class Client:
    """Asks one gateway; use it as `with Client(url, key=key) as client`.

    It has the methods of `AsyncClient`, which wait for the answer; several threads may share it.

    Args:
        args: as of `AsyncClient`.
        options: as of `AsyncClient`.

    Raises:
        InvalidInput: the URL or the key is not valid.
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # Any: as `AsyncClient` takes them
        self._client = AsyncClient(*args, **options)
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None

    def __enter__(self) -> Self:
        """Open the client; it connects with the first call."""
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal())
            stack.enter_context(portal.wrap_async_context_manager(self._client))
            self._portal, self._stack = portal, stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections and end the thread."""
        self._portal = None
        self._stack.close()

    # Any: each endpoint has its own parameters and its own answer.
    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the method of an endpoint."""
        return partial(self._run, getattr(self._client, name))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *dir(self._client)]

    def ask(self, request: EndpointRequest[AnswerT], image: Source | None = None) -> AnswerT:
        """Return the answer to `request`, a Struct of `contract.endpoints`."""
        return self._run(self._client.ask, request, image)  # type: ignore[no-any-return]  # of the request

    def languages(self) -> list[Language]:
        """Return every language code that `ocr` takes, ordered by code."""
        found: list[Language] = self._run(self._client.languages)
        return found

    def usage(self) -> Usage:
        """Return the balance of the key's account, and its usage of the last 31 days."""
        found: Usage = self._run(self._client.usage)
        return found

    def jobs(
        self, *, status: str | None = None, limit: int = 20, after: str | None = None
    ) -> JobPage:
        """Return jobs of the key's account without their answers; see `AsyncClient.jobs`."""
        page: JobPage = self._run(self._client.jobs, status=status, limit=limit, after=after)
        return page

    def download(self, answer: ColorizeAnswer | PdfAnswer) -> DownloadedFile:
        """Return the colored image or the PDF of an answer."""
        file: DownloadedFile = self._run(self._client.download, answer)
        return file

    # Any: the arguments and the result of any method.
    def _run(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if self._portal is None:
            raise RuntimeError("use the client within 'with Client(...) as client'")
        return self._portal.call(partial(_finish, method, *args, **options))


async def _finish(method: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Return the result of a method, awaited where it is a coroutine; Any: of any method."""
    result = method(*args, **options)
    return await result if inspect.isawaitable(result) else result
