"""Job engine: a work-queue stream of NATS JetStream whose messages hold ids alone.

A message has the subject `PREFIX.KIND.TOKEN`. Each token (an account, or a receiver of webhooks)
has a consumer of its own, so that workers can pull from one after the other.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig
from nats.js.errors import NotFoundError

from gateway.periodic import PeriodicTasks
from gateway.problems import Problem
from servicekit.logs import get_logger

JOBS: Final = "jobs"
WEBHOOKS: Final = "webhooks"
BULK: Final = "bulk"  # shards of bulk jobs, whose ids are ID.NUMBER
_KINDS: Final = (JOBS, WEBHOOKS, BULK)

# Events that processes tell each other, and their texts.
WAITING: Final = "waiting"  # KIND.TOKEN of messages that may be due
CANCELLED: Final = "cancelled"  # the id of a job
_EVENTS: Final = "events"

_REFRESH_EVERY_S: Final = 1.0  # messages that are due again are found within this time
_RECONNECT_S: Final = 0.5
_TIMEOUT_S: Final = 2.0  # of one question to the server, which answers within milliseconds
_DUPLICATES_S: Final = 120.0  # a message id that comes again within this time is dropped
_CONSUMER_S: Final = 3600.0  # an idle consumer is deleted after this time; its messages stay
_NO_WAIT: Final = b'{"batch":1,"no_wait":true}'

_FAULTS: Final = (NatsError, OSError, TimeoutError)

Listener = Callable[[str], None]

_log = get_logger("job engine")


class EngineUnavailable(Problem):
    """NATS is away, or answers no question about the stream; 503."""

    def __init__(self) -> None:
        message = "the queue of jobs is away; try again later, or without 'Prefer: respond-async'"
        super().__init__(503, "jobs_unavailable", message)


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of the engine."""

    url: str  # of the servers, with commas between them; empty switches jobs off
    prefix: str  # name of the stream, and beginning of its subjects
    replicas: int  # servers that hold each message
    # A message without a sign of life for so long goes to another worker, in seconds.
    ack_wait_s: float


class Delivery:
    """A message in the hand of a worker.

    Attributes:
        id: of the job, or of a shard of it.
        is_again: true where it was delivered before.
    """

    def __init__(self, message: Msg) -> None:
        self.id = message.data.decode()
        self.is_again = message.metadata.num_delivered > 1
        self._message = message

    @property
    def job(self) -> str:
        """Id of the job."""
        return self.id.partition(".")[0]

    async def ack(self) -> None:
        """Delete the message: its work is done."""
        with suppress(*_FAULTS):  # it is delivered again, and found to be done
            await self._message.ack()

    async def keep(self) -> None:
        """Give a sign of life, so that no other worker gets the message."""
        with suppress(*_FAULTS):
            await self._message.in_progress()

    async def give_back(self, delay_s: float = 0.0) -> None:
        """Have the message delivered again after a while."""
        with suppress(*_FAULTS):  # it is delivered again when its time for an ack is over
            await self._message.nak(delay_s or None)


class JobEngine:
    """Connection to the stream; it comes back by itself when NATS does.

    Args:
        options: where the stream is.
    """

    def __init__(self, options: EngineOptions) -> None:
        self.is_ready = False
        self.changed = asyncio.Event()
        self._options = options
        self._client = Client()
        self._stream = self._client.jetstream(timeout=_TIMEOUT_S)
        self._counts: dict[str, int] = {}
        self._listeners: dict[str, list[Listener]] = defaultdict(list)

    @property
    def is_on(self) -> bool:
        """True where the operator named a server."""
        return bool(self._options.url)

    @property
    def ack_wait_s(self) -> float:
        """Time after which a message without a sign of life is delivered again, in seconds."""
        return self._options.ack_wait_s

    def counts(self, kind: str) -> dict[str, int]:
        """Return how many messages each token had at the last refresh, those in hand included."""
        begin = f"{self._options.prefix}.{kind}."
        return {
            subject.removeprefix(begin): count
            for subject, count in self._counts.items()
            if subject.startswith(begin)
        }

    def short(self, kind: str, tokens: Iterable[str]) -> set[str]:
        """Return the tokens that had fewer messages at the last refresh than they are in here."""
        found = self.counts(kind)
        return {token for token, count in Counter(tokens).items() if found.get(token, 0) < count}

    def check(self) -> None:
        """Raise EngineUnavailable where nothing can be published now."""
        if not self.is_ready:
            raise EngineUnavailable

    async def publish(self, kind: str, token: str, *, job: str, number: int) -> int:
        """Publish the id of a job and return the message's place in the stream.

        Args:
            kind: of work.
            token: whose queue it goes to.
            job: id.
            number: publication of this job; one that was made already is dropped.

        Raises:
            EngineUnavailable: it is not known whether it was published.
        """
        self.check()
        subject = f"{self._options.prefix}.{kind}.{token}"
        headers = {"Nats-Msg-Id": f"{kind}.{job}.{number}"}
        try:
            ack = await self._stream.publish(subject, job.encode(), headers=headers)
        except _FAULTS as error:
            raise EngineUnavailable from error
        await self.tell(WAITING, f"{kind}.{token}")
        return int(ack.seq)

    async def pull(self, kind: str, token: str) -> Delivery | None:
        """Return the next message of a token, None where none is due or NATS is away."""
        if not self.is_ready:  # else the question would wait, and be answered when nobody listens
            return None
        consumer = f"{kind}-{token}"
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._options.prefix}.{consumer}"
        try:
            try:
                message = await self._ask(subject)
            except NoRespondersError:
                await self._add_consumer(kind, token)
                message = await self._ask(subject)
        except _FAULTS:
            return None
        return Delivery(message) if message.reply else None

    async def holds(self, place: int, job: str) -> bool:
        """Tell whether the stream holds the message of a job at this place.

        Raises:
            EngineUnavailable: nobody knows.
        """
        try:
            message = await self._stream.get_msg(self._options.prefix, place)
        except NotFoundError:
            return False
        except _FAULTS as error:
            raise EngineUnavailable from error
        return message.data == job.encode()

    async def tell(self, event: str, text: str) -> None:
        """Tell every process of an event; nobody depends on it, so it may be lost."""
        with suppress(*_FAULTS):
            await self._client.publish(f"{self._options.prefix}.{_EVENTS}.{event}", text.encode())

    def hear(self, event: str, listener: Listener) -> None:
        """Call `listener` with the text of each such event, of this process too."""
        self._listeners[event].append(listener)

    async def connect(self) -> None:
        """Connect, trying until it succeeds, and hear of messages that others publish."""
        await self._client.connect(
            self._options.url.split(","),
            name=self._options.prefix,
            error_cb=self._fail,
            disconnected_cb=self._lose,
            reconnected_cb=self._return,
            connect_timeout=_TIMEOUT_S,  # type: ignore[arg-type]  # a float serves
            reconnect_time_wait=_RECONNECT_S,  # type: ignore[arg-type]  # a float serves
            max_reconnect_attempts=-1,
        )
        await self._client.subscribe(f"{self._options.prefix}.{_EVENTS}.*", cb=self._hear)
        await self.refresh()

    async def refresh(self) -> None:
        """Count the messages, make the stream where it is missing, and wake the workers."""
        if not self._client.is_connected:
            return
        name = self._options.prefix
        try:
            try:
                info = await self._stream.stream_info(name, subjects_filter=">")
            except NotFoundError:
                info = await self._stream.add_stream(self._config())
            if len(info.config.subjects or ()) < len(_KINDS):  # of a release before
                await self._stream.update_stream(self._config())
        except _FAULTS:
            self._set_ready(is_ready=False)
            return
        self._counts = info.state.subjects or {}
        self._set_ready(is_ready=True)
        for subject in self._counts:
            self._heard(WAITING, subject.partition(".")[2])

    async def close(self) -> None:
        """Send what is left to send, and close the connection."""
        self.is_ready = False
        if self._client.is_connected:
            with suppress(*_FAULTS):
                await self._client.flush(timeout=1)
        await self._client.close()

    async def _ask(self, subject: str) -> Msg:
        # The usual way tells answers apart by their subject, which is here that of the message.
        return await self._client.request(subject, _NO_WAIT, timeout=_TIMEOUT_S, old_style=True)

    async def _add_consumer(self, kind: str, token: str) -> None:
        config = ConsumerConfig(
            durable_name=f"{kind}-{token}",
            filter_subject=f"{self._options.prefix}.{kind}.{token}",
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._options.ack_wait_s,
            max_ack_pending=-1,  # messages that wait to be tried again count as pending
            inactive_threshold=_CONSUMER_S,
        )
        await self._stream.add_consumer(self._options.prefix, config)

    def _config(self) -> StreamConfig:
        name = self._options.prefix
        return StreamConfig(
            name=name,
            subjects=[f"{name}.{kind}.*" for kind in _KINDS],
            retention=RetentionPolicy.WORK_QUEUE,
            num_replicas=self._options.replicas,
            duplicate_window=_DUPLICATES_S,
        )

    def _set_ready(self, *, is_ready: bool) -> None:
        if is_ready != self.is_ready:
            log = _log.info if is_ready else _log.warning
            log("job engine ready" if is_ready else "job engine unavailable")
        self.is_ready = is_ready
        self.changed.set()

    async def _hear(self, message: Msg) -> None:
        self._heard(message.subject.rpartition(".")[2], message.data.decode())

    def _heard(self, event: str, text: str) -> None:
        for listener in self._listeners[event]:
            listener(text)

    async def _fail(self, error: Exception) -> None:
        _log.debug("connection to NATS failed", reason=type(error).__name__)
        self.changed.set()

    async def _lose(self) -> None:
        self._set_ready(is_ready=False)

    async def _return(self) -> None:
        await self.refresh()


@asynccontextmanager
async def running_engine(options: EngineOptions, tasks: PeriodicTasks) -> AsyncIterator[JobEngine]:
    """Yield the engine, connected where its server answers, and close it at the end."""
    engine = JobEngine(options)
    if not engine.is_on:
        yield engine
        return
    connecting = asyncio.create_task(engine.connect())
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                await engine.changed.wait()
        async with tasks.repeating({"job engine": engine.refresh}, every_s=_REFRESH_EVERY_S):
            yield engine
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await engine.close()
