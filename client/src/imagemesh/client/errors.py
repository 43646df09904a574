"""The one tree of errors of the client; all that a call raises is a `ClientError`.

An `ApiError` is an answer of the server. `Unreachable`: nobody answered. `TimedOut`: not in time.
`UnexpectedAnswer`: what came is not what imagemesh answers. `InvalidInput`: nothing was sent.
"""


class ClientError(Exception):
    """A call that brought no answer.

    Attributes:
        may_repeat: the same call may succeed a little later, and is charged once at most.
        retry_after_s: how long the server wants to be left alone, in seconds.
    """

    def __init__(
        self, message: str, *, may_repeat: bool = False, retry_after_s: float = 0.0
    ) -> None:
        super().__init__(message)
        self.may_repeat = may_repeat
        self.retry_after_s = retry_after_s


class ApiError(ClientError):
    """The server answered with an error.

    Attributes:
        status: HTTP status.
        code: stable machine code, such as "unreadable_image".
        message: what to change.
        request_id: what to tell the operator; empty where a proxy answered.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        request_id: str,
        may_repeat: bool = False,
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__(message, may_repeat=may_repeat, retry_after_s=retry_after_s)
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id


class Unreachable(ClientError):
    """Nobody listens at the address, or the connection broke before the answer came."""


class TimedOut(ClientError):
    """The answer did not come in the time that the call had."""


class UnexpectedAnswer(ClientError):
    """The answer is not one of imagemesh, or of a version that this client does not know."""


class InvalidInput(ClientError):
    """The call cannot be made: a file that cannot be read, an image that is too large."""
