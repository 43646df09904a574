"""Server of one gRPC service: health, reflection, metrics, and a drain on SIGTERM."""

import asyncio
import signal
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

import grpc
import prometheus_client
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from servicekit.health import Health
from servicekit.interceptors import RpcEdge
from servicekit.limits import MAX_MESSAGE_BYTES
from servicekit.logs import configure_logs, get_logger
from servicekit.memory import return_freed_memory, spare_loaded_objects
from servicekit.mutual_tls import server_credentials
from servicekit.processors import let_running_threads_finish
from servicekit.settings import ServiceSettings
from servicekit.telemetry import ServiceMetrics
from servicekit.tracing.opening import Traces, open_traces

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A second process on the same port must fail, not silently share it.
    ("grpc.so_reuseport", 0),
    # Callers reconnect now and then, so that plain DNS round-robin finds new replicas.
    ("grpc.max_connection_age_ms", 300_000),
    # The client pings every 30 s; the default server would take that for abuse.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
)

# RPCs in flight on a connection that ends have this long; a longer drain tells of longer RPCs.
_GRACE_S: Final = 120.0

_log = get_logger("server")


@dataclass(frozen=True, slots=True)
class Service:
    """One gRPC service, ready to be served.

    Attributes:
        name: full proto name, such as "imagemesh.vision.v1.VisionService".
        register: adds the servicer to a server.
        load: loads the models; health says SERVING once it is done.
        close: frees what the service holds; called after the last RPC.
        health: whether it can answer once it is loaded; mirrored in gRPC health.
        metrics: its metrics and their registry.
        interceptors: wrapped around its RPCs, inside the edge that makes errors statuses.
        default_deadline_s: deadline of a request whose caller set none, in seconds.
    """

    name: str
    register: Callable[[grpc.aio.Server], None]
    load: Callable[[], Awaitable[None]]
    close: Callable[[], None]
    health: Health = field(default_factory=Health)
    metrics: ServiceMetrics = field(default_factory=ServiceMetrics)
    interceptors: tuple[grpc.aio.ServerInterceptor, ...] = ()
    default_deadline_s: float = 60.0

    @property
    def member(self) -> str:
        """Name of the member of the mesh, such as "vision"."""
        return self.name.removeprefix("imagemesh.").partition(".")[0]


def run(service: Service, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    configure_logs(settings.log_level, log_format=settings.log_format)
    return_freed_memory()
    let_running_threads_finish()
    # Pillow warns of damaged metadata, and Python keeps each new text for ever.
    warnings.simplefilter("ignore")
    uvloop.run(_run(service, settings))


async def _run(service: Service, settings: ServiceSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(service, settings, stop=stop):
        spare_loaded_objects()
        await stop.wait()
        _log.info("drain started", service=service.name, grace_s=settings.drain_s)
    _log.info("server stopped", service=service.name)


@asynccontextmanager
async def serving(
    service: Service, settings: ServiceSettings, *, stop: asyncio.Event | None = None
) -> AsyncIterator[int]:
    """Serve while the context is open and yield the bound port, once the models are loaded.

    Leaving the context reports NOT_SERVING, refuses new RPCs and waits for those in flight, at
    most `settings.drain_s`. A set `stop` ends the wait for the models.

    Raises:
        RuntimeError: the port is taken.
    """
    health_servicer = health.aio.HealthServicer()
    traces = open_traces(service.member, settings)
    server = _build(service, settings, health_servicer=health_servicer, traces=traces)
    port = _listen(server, settings)
    await _set_health(health_servicer, service, is_serving=False)
    await server.start()
    probed = await _serve_health(settings, health_servicer)
    mirroring: asyncio.Task[None] | None = None
    try:
        with _metrics_served(settings, service.metrics):
            await _load(service, stop)
            mirroring = asyncio.create_task(_mirror_health(health_servicer, service))
            await _set_health(health_servicer, service, is_serving=service.health.is_well)
            _log.info("server started", service=service.name, port=port)
            yield port
    finally:
        if mirroring is not None:
            mirroring.cancel()
        await health_servicer.enter_graceful_shutdown()
        await server.stop(settings.drain_s)
        if probed is not None:
            await probed.stop(None)
        await traces.close()
        service.close()


def _build(
    service: Service,
    settings: ServiceSettings,
    *,
    health_servicer: health.aio.HealthServicer,
    traces: Traces,
) -> grpc.aio.Server:
    edge = RpcEdge(
        service.metrics,
        max_concurrent_rpcs=settings.max_concurrent_rpcs,
        default_deadline_s=service.default_deadline_s,
    )
    interceptors = (*traces.server, edge, *service.interceptors)
    grace_ms = round(max(_GRACE_S, settings.drain_s) * 1000)
    options = (*_OPTIONS, ("grpc.max_connection_age_grace_ms", grace_ms))
    server = grpc.aio.server(interceptors=interceptors, options=options)
    service.register(server)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    names = (service.name, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return server


def _listen(server: grpc.aio.Server, settings: ServiceSettings) -> int:
    address = f"{settings.host}:{settings.port}"
    if settings.tls_dir is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, server_credentials(settings.tls_dir))


async def _serve_health(
    settings: ServiceSettings, servicer: health.aio.HealthServicer
) -> grpc.aio.Server | None:
    """Return a running server of health alone, where the settings ask for one."""
    if settings.health_port == 0:
        return None
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(f"{settings.host}:{settings.health_port}")
    await server.start()
    return server


async def _set_health(
    servicer: health.aio.HealthServicer, service: Service, *, is_serving: bool
) -> None:
    status = _SERVING if is_serving else _NOT_SERVING
    for name in ("", service.name):
        await servicer.set(name, status)


async def _mirror_health(servicer: health.aio.HealthServicer, service: Service) -> None:
    """Copy the health of the service into gRPC health until cancelled."""
    while True:
        await service.health.changed()
        is_well = service.health.is_well
        await _set_health(servicer, service, is_serving=is_well)
        _log.info("health changed", service=service.name, is_well=is_well)


async def _load(service: Service, stop: asyncio.Event | None) -> None:
    loading = asyncio.ensure_future(service.load())
    if stop is None:
        await loading
        return
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if loading.done():
        await loading
        return
    loading.cancel()


@contextmanager
def _metrics_served(settings: ServiceSettings, metrics: ServiceMetrics) -> Iterator[None]:
    if settings.metrics_port == 0:
        yield
        return
    server, thread = prometheus_client.start_http_server(
        settings.metrics_port, addr=settings.host, registry=metrics.registry
    )
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
