"""The local workspace: a server on loopback that speaks the Log Analytics query API and hands out its own tokens.

Any Azure program reaches it with ``Workspace.environment`` in its environment and ``Workspace.url`` as its endpoint. It
listens on 127.0.0.1 only. Faults and limits are asked for by whoever starts it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from pipeline.pages import TABLES
from pipeline.sandbox import conversation
from pipeline.sandbox.faults import Question, in_turn
from pipeline.sandbox.kusto import Database, words
from pipeline.sandbox.rows import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    import polars as pl

    from pipeline.sandbox.bodies import Prepared
    from pipeline.sandbox.faults import Fault

__all__ = ["Asked", "Limits", "Workspace", "serve"]


@dataclass(frozen=True)
class Asked:
    """A query request that was answered: what it asked, the ``status`` it got and the rows it was sent."""

    workspace_id: str
    tables: tuple[str, ...]
    query: str
    timespan: str | None
    status: int
    rows: int


class Workspace:
    """A running server; ``requests`` grows as it answers. Tables ``on_other_plans`` than Analytics it refuses.

    ``token``, ``schedule``, ``limits`` and ``prepared`` may be exchanged while it runs, as may the tables (``load``).
    ``clock`` is what it says that the time is (UTC). ``prepared`` may have an answer to a question without any table
    being asked: it makes a server fast.
    """

    def __init__(
        self,
        workspaces: Mapping[str, Mapping[str, pl.DataFrame]],
        token: str,
        schedule: Callable[[Question], Fault | None],
        limits: Limits,
    ) -> None:
        self.token = token
        self.schedule = schedule
        self.limits = limits
        self.prepared: Callable[[Question], Prepared | None] = lambda _: None
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.on_other_plans: set[str] = set()
        self.requests: list[Asked] = []
        self.url = ""
        self.environment: dict[str, str] = {}
        self.closing = threading.Event()
        self._databases: dict[str, Database | None] = {}
        self._arrived: Counter[tuple[str, ...]] = Counter()
        self._lock = threading.Lock()
        for workspace_id, tables in workspaces.items():
            self.load(workspace_id, tables)

    def load(self, workspace_id: str, tables: Mapping[str, pl.DataFrame]) -> None:
        """Serve ``tables`` as the whole of a workspace from the next request on; without any it answers 204."""
        self._databases[workspace_id.lower()] = Database(tables) if tables else None

    def close(self) -> None:
        """Forget all tables."""
        for database in self._databases.values():
            if database:
                database.close()
        self._databases.clear()

    def has(self, workspace_id: str) -> bool:
        """Tell whether there is such a workspace."""
        return workspace_id.lower() in self._databases

    def database(self, workspace_id: str) -> Database | None:
        """Give the tables of a workspace, None where it is empty."""
        return self._databases[workspace_id.lower()]

    def register(self, workspace_id: str, query: str, timespan: str | None) -> Question:
        """Number a request that has arrived."""
        database = self._databases.get(workspace_id.lower())
        known = {*TABLES, *(database.tables if database else ())}
        tables = tuple(sorted(words(query) & known))
        with self._lock:
            number, nth = self._arrived.total(), self._arrived[tables]
            self._arrived[tables] += 1
        return Question(number, nth, workspace_id, tables, query, timespan)

    def record(self, question: Question, status: int, rows: int) -> None:
        """Note what a request was answered; 0 stands for a connection that was reset without an answer."""
        asked = Asked(question.workspace_id, question.tables, question.query, question.timespan, status, rows)
        with self._lock:
            self.requests.append(asked)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._conversations: dict[threading.Thread, socket.socket] = {}

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Hold one conversation, and remember it while it lasts."""
        self._conversations[threading.current_thread()] = request
        try:
            super().process_request_thread(request, client_address)
        finally:
            del self._conversations[threading.current_thread()]

    def hang_up(self) -> None:
        """End every conversation, also those that clients keep alive.

        A thread that outlives the interpreter while it holds a DuckDB connection makes DuckDB complain on stderr.
        """
        for thread, connection in list(self._conversations.items()):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet where a client hung up or a reset was asked for; anything else is a fault of ours and shows."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serve(
    workspaces: Mapping[str, Mapping[str, pl.DataFrame]],
    *,
    token: str = "sandbox-token",  # noqa: S107 - opens nothing but this server
    faults: Sequence[Fault | None] | Callable[[Question], Fault | None] = (),
    limits: Limits | None = None,
    certificate: Path | None = None,
) -> Iterator[Workspace]:
    """Serve tables as Log Analytics workspaces until the block is left.

    ``workspaces`` maps a workspace id to its tables: frames in official columns, datetimes naive UTC, dynamic columns
    as JSON text, with ``ingestion_time`` as the column behind KQL's function of that name. ``faults`` is one fault (or
    None) a request in order of arrival, or a schedule. ``certificate`` is a PEM file with chain and key: with it the
    server speaks TLS. Raises OSError when no port is free.
    """
    schedule = faults if callable(faults) else in_turn(faults)
    workspace = Workspace(workspaces, token, schedule, limits or Limits())
    server = _Server(conversation.handler(workspace))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "http" if certificate is None else "https"
    workspace.url = f"{scheme}://127.0.0.1:{server.server_port}"
    workspace.environment = {
        "IDENTITY_ENDPOINT": workspace.url + conversation.IDENTITY_PATH,
        "IDENTITY_HEADER": conversation.IDENTITY_HEADER,
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
    }
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield workspace
    finally:
        workspace.closing.set()
        server.shutdown()
        thread.join()
        server.hang_up()
        server.server_close()
        workspace.close()
