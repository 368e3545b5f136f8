"""An HTTP server on this machine that cuts off, changes its mind and tells lies."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves `files`.

    Attributes:
        files: path -> content.
        etag: of all of them, or None.
        cut: how many bytes of an answer arrive; None: all.
        cuts: how many answers are cut.
        ranges: whether it answers requests for a part with that part.
        requests: (path, Range) of each request.
        address: where it is.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("localhost", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.etag: str | None = None
        self.cut: int | None = None
        self.cuts, self.ranges = 10**9, True
        self.requests: list[tuple[str, str | None]] = []
        self.address = f"http://localhost:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_):
        pass

    def do_GET(self):
        server, first, asked = self.server, 0, self.headers.get("Range")
        server.requests.append((self.path, asked))
        content = server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        if asked and server.ranges and self.headers.get("If-Range") == server.etag:
            first = int(asked.removeprefix("bytes=").removesuffix("-"))
            if first >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        cut = server.cuts > 0 and server.cut is not None
        server.cuts -= cut
        self.wfile.write(content[first:][: server.cut if cut else None])


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server that runs."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
