"""Work on one item: its image is read or fetched, its service called, its file stored."""

from base64 import b64encode
from datetime import timedelta
from time import monotonic
from typing import Any, Final

import msgspec
from attrs import define
from msgspec import UNSET
from starlette.responses import Response

from contract.endpoint import DocumentRequest
from gateway.backends import Backends, CallContext
from gateway.endpoint_handler import ProducedFile
from gateway.fetching.fetcher import ImageFetcher
from gateway.hosting.hosted import HostedImages
from gateway.hosting.results import ResultStore
from gateway.input.forms import check_image_size
from gateway.media import EncodedImage, require_image
from gateway.problems import Problem
from gateway.requests.batch import Item
from gateway.requests.orders import Order
from gateway.responses import json_response
from gateway.settings import GatewaySettings

_NO_IMAGE: Final = EncodedImage(b"", "", "")  # of a request that holds a text


@define(eq=False)
class ItemWork:
    """Works on items; what it returns is neither kept nor charged yet."""

    _settings: GatewaySettings
    _fetcher: ImageFetcher
    _hosted: HostedImages
    _backends: Backends
    _results: ResultStore

    async def image(self, item: Item, order: Order, context: CallContext) -> EncodedImage:
        """Return the image of an item, fetched where only its URL came."""
        request = item.given.request
        self._lifetime(request)  # checked before anything is fetched or charged
        image = item.given.image or await self._own(request, order.base_url)
        if image is not None:
            return image
        return await self._fetcher.fetch(
            request.url,
            timeout_s=context.deadline_s - monotonic(),
            or_pdf=item.handler.endpoint.takes_documents,
            account=context.account,
        )

    async def ask(
        self, item: Item, image: EncodedImage, order: Order, context: CallContext
    ) -> Response:
        """Call the service about an image, store the file that it made, and make the answer."""
        handler, request = item.handler, item.given.request
        result = await handler.ask(self._backends, request, image.content, context)
        file = handler.file(result)
        path = await self._store(file, item, order, image.name) if file else ""
        url = order.base_url + path if path.startswith("/") else path
        answer = handler.answer(request, result, url)
        if not request.details:
            answer = msgspec.structs.replace(answer, details=None)
        return json_response(answer)

    async def _own(self, request: Any, base_url: str) -> EncodedImage | None:
        """Return an image of the gateway's own, None for one to fetch; Any: of any endpoint."""
        url = getattr(request, "url", UNSET)
        if url is UNSET:
            return _NO_IMAGE
        image = await self._hosted.read(url, base_url=base_url)
        if image is not None:
            check_image_size(len(image.content))  # a PDF that was written here can be larger
            or_pdf = isinstance(request, DocumentRequest)
            require_image(image.content, subject="the URL leads to", or_pdf=or_pdf)
        return image

    async def _store(self, file: ProducedFile, item: Item, order: Order, image_name: str) -> str:
        """Store a file and return its path, a data: URI in zero-retention mode."""
        if self._settings.zero_retention:
            return f"data:{file.media_type};base64,{b64encode(file.content).decode()}"
        name = await self._results.save(
            file.content,
            account=order.key.account,
            media_type=file.media_type,
            original_name=image_name,
            endpoint=item.handler.endpoint.name,
            lifetime=self._lifetime(item.given.request),
        )
        return f"{file.folder}/{name}"

    def _lifetime(self, request: Any) -> timedelta:  # Any: requests of any endpoint
        """Return how long a file of the request is hosted; no longer than the operator allows."""
        longest = timedelta(days=self._settings.result_days)
        asked_s = getattr(request, "expires_in_s", UNSET)
        if asked_s is UNSET:
            return longest
        if asked_s > longest.total_seconds():
            message = f"parameter 'expires_in_s': expected `int` <= {longest.total_seconds():.0f}"
            raise Problem(400, "invalid_parameter", message)
        return timedelta(seconds=asked_s)
