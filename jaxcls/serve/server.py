"""The server that runs the application: uvicorn, with a time limit for headers and a stop that loses no request."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from jaxcls.errors import UserError
from jaxcls.serve.app import Service
from jaxcls.serve.limits import Limits

HEADER_SECONDS = 10.0
_TURNS, _TURN = 30, 0.01  # in which requests that are on their way come in: turns of the event loop, seconds of each
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class ImpatientProtocol(H11Protocol):
    """Ends connections whose next request has begun, or might, but is not whole: uvicorn would wait for ever."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._timer is None:
            self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        self._timer = self.loop.call_later(HEADER_SECONDS, self._end)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_TOO_SLOW)
            self.transport.close()


class Server(uvicorn.Server):
    """Ends on SIGTERM or Ctrl-C with the status 0, after it has answered what has come in."""

    def __init__(self, config: uvicorn.Config, service: Service, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._service, self._announce = service, announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """First the answers tell clients to close their connections, then nobody is let in, then all ends."""
        self._service.is_stopping = True
        await _last_call()
        for server in self.servers:
            server.close()
        await _last_call()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, which would raise the signal once more in the end."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


async def _last_call() -> None:
    """Not a number of seconds: on a busy machine what is on its way takes as much longer as a turn does."""
    for _ in range(_TURNS):
        await asyncio.sleep(_TURN)


def bind(host: str, port: int) -> socket.socket:
    """A socket of that address; port 0 is any.

    Raises:
        UserError: there is no such address, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        raise UserError(f"--host={host} --port={port}: {error.strerror or error}") from error
    return found


def run(app: Starlette, bound: socket.socket, limits: Limits, announce: Callable[[], None]) -> None:
    """Serves until a signal comes; `announce` is called when clients can come."""
    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=60,
    )
    Server(config, app.state.service, announce).run([bound])
