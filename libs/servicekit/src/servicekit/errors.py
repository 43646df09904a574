"""Error tree of the mesh, with the gRPC code and the reason of each class.

    MeshError                    INTERNAL             internal
    |-- InvalidRequest           INVALID_ARGUMENT     invalid_request
    |   |-- UnreadableImage      INVALID_ARGUMENT     unreadable_image
    |   `-- UnsupportedLanguage  INVALID_ARGUMENT     unsupported_language
    |-- NotInstalled             FAILED_PRECONDITION  not_installed
    |   |-- ModelNotInstalled    FAILED_PRECONDITION  model_not_installed
    |   `-- LanguageNotInstalled FAILED_PRECONDITION  language_not_installed
    |-- Unauthenticated          UNAUTHENTICATED      unauthenticated
    |-- NotFound                 NOT_FOUND            not_found
    |-- AlreadyExists            ALREADY_EXISTS       already_exists
    |-- Overloaded               RESOURCE_EXHAUSTED   overloaded
    |-- Unavailable              UNAVAILABLE          unavailable
    `-- DeadlineExceeded         DEADLINE_EXCEEDED    deadline_exceeded

This module knows no gRPC, so that `modelkit` can raise these errors; the interceptor turns them
into statuses.
"""

from typing import ClassVar


class MeshError(Exception):
    """A fault of the mesh itself; the caller can only report it."""

    status: ClassVar[str] = "INTERNAL"
    reason: ClassVar[str] = "internal"


class InvalidRequest(MeshError):
    """The request has a value that the caller must change."""

    status = "INVALID_ARGUMENT"
    reason = "invalid_request"


class UnreadableImage(InvalidRequest):
    """The bytes are no image, or the image is damaged or over a limit."""

    reason = "unreadable_image"


class UnsupportedLanguage(InvalidRequest):
    """The language code is unknown."""

    reason = "unsupported_language"


class NotInstalled(MeshError):
    """Something the operator can install is missing; the message names the command."""

    status = "FAILED_PRECONDITION"
    reason = "not_installed"


class ModelNotInstalled(NotInstalled):
    """The model's file is missing; the rest of the service goes on."""

    reason = "model_not_installed"


class LanguageNotInstalled(NotInstalled):
    """The language is known but its data is missing; the message names the package."""

    reason = "language_not_installed"


class Unauthenticated(MeshError):
    """The caller did not prove who it is."""

    status = "UNAUTHENTICATED"
    reason = "unauthenticated"


class NotFound(MeshError):
    """The named object does not exist."""

    status = "NOT_FOUND"
    reason = "not_found"


class AlreadyExists(MeshError):
    """The object exists already; nothing was changed."""

    status = "ALREADY_EXISTS"
    reason = "already_exists"


class Overloaded(MeshError):
    """A queue or the memory is full; the caller may try again later."""

    status = "RESOURCE_EXHAUSTED"
    reason = "overloaded"


class Unavailable(MeshError):
    """The service cannot answer now: it is starting, draining or gone."""

    status = "UNAVAILABLE"
    reason = "unavailable"


class DeadlineExceeded(MeshError):
    """The caller's deadline passed before the answer was ready."""

    status = "DEADLINE_EXCEEDED"
    reason = "deadline_exceeded"
