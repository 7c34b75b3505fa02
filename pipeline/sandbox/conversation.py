"""One request after another on one connection: who asks, for what, and what goes back over the wire.

Faults are acted out here, down to the reset. What a query means is the business of ``kusto``, what an answer looks like
that of ``bodies``.
"""

from __future__ import annotations

import gzip
import re
import socket
import struct
import time
import uuid
from datetime import UTC
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import orjson

from pipeline.sandbox import bodies, timespans
from pipeline.sandbox.kusto import QueryError
from pipeline.sandbox.rows import Answer

if TYPE_CHECKING:
    from pipeline.sandbox.faults import Fault, Question
    from pipeline.sandbox.workspace import Workspace

IDENTITY_PATH = "/identity"
IDENTITY_HEADER = "sandbox-identity"
TOKEN_LIVES_SECONDS = 24 * 3600
_WITHIN_THE_BODY = ("reset_in_body", "cut_body", "cut_body_unannounced", "stall_in_body")
_INSTEAD_OF_AN_ANSWER = ("answer_status", "no_content", "empty_body", "malformed_json", "reset_before_answer")
_QUERY_PATH = re.compile(r"/v1/workspaces/([^/]+)/query")


def handler(workspace: Workspace) -> type[BaseHTTPRequestHandler]:
    """Give the request handler of ``workspace``."""
    return type("Conversation", (_Conversation,), {"workspace": workspace})


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # an abandoned connection ends
    wbufsize = -1  # headers and body leave together
    workspace: Workspace

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Say what the time is here."""
        return super().date_time_string(timestamp or self.workspace.clock().replace(tzinfo=UTC).timestamp())

    def do_GET(self) -> None:
        """Hand out a token, as the managed identity endpoint of App Service does."""
        address = urlsplit(self.path)
        if address.path != IDENTITY_PATH:
            self._send(404, bodies.error(404))
        elif self.headers.get("X-IDENTITY-HEADER") != IDENTITY_HEADER:
            self._send(401, bodies.error(401))
        else:
            token = {
                "access_token": self.workspace.token,
                "expires_on": str(int(time.time()) + TOKEN_LIVES_SECONDS),
                "resource": parse_qs(address.query).get("resource", [""])[0],
                "token_type": "Bearer",
            }
            self._send(200, orjson.dumps(token))

    def do_POST(self) -> None:
        """Answer a query."""
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = _QUERY_PATH.fullmatch(urlsplit(self.path).path)
        if path is None:
            return self._send(404, bodies.error(404))
        try:
            asked = orjson.loads(sent)
            question = self.workspace.register(path[1], str(asked["query"]), asked.get("timespan"))
            window = timespans.bounds(question.timespan)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return self._send(400, bodies.error(400, str(error)))
        if self.headers.get("Authorization") != f"Bearer {self.workspace.token}":
            return self._refuse(question, 401)
        if not self.workspace.has(path[1]):
            return self._refuse(question, 404)
        fault = self.workspace.schedule(question)
        if fault is not None and fault.seconds:
            self.workspace.closing.wait(fault.seconds)
        if fault is not None and fault.kind in _INSTEAD_OF_AN_ANSWER:
            return self._act_out(fault, question)
        if prepared := self.workspace.prepared(question):
            return self._reply(
                question, 200, prepared.gzipped, rows=prepared.rows, headers={"Content-Encoding": "gzip"}
            )
        database = self.workspace.database(path[1])
        if database is None:
            return self._reply(question, 204, b"")
        if not self.workspace.on_other_plans.isdisjoint(question.tables):
            return self._reply(question, 400, bodies.other_plan())
        try:
            answer = database.ask(question.query, window, self.workspace.limits)
        except QueryError as refused:
            return self._reply(question, 400, bodies.refusal(refused))
        trouble = bodies.cut_off(answer.cut) if answer.cut else None
        if fault is not None and fault.kind == "partial_error":
            answer = Answer(answer.columns, answer.rows[: len(answer.rows) // 2], None)
            trouble = bodies.engine_trouble()
        body = bodies.table(answer, error=trouble)
        if fault is not None and fault.kind in _WITHIN_THE_BODY:
            self.workspace.record(question, 200, len(answer.rows))
            return self._break_off(body, fault)
        return self._reply(question, 200, body, rows=len(answer.rows))

    def _reply(
        self, question: Question, status: int, body: bytes, *, rows: int = 0, headers: dict[str, str] | None = None
    ) -> None:
        self.workspace.record(question, status, rows)  # before the client can ask what was recorded
        self._send(status, body, headers)

    def _refuse(self, question: Question, status: int, retry_after: int | str | None = None) -> None:
        headers = {}
        if status == 401:
            headers["WWW-Authenticate"] = f'Bearer realm="{self.workspace.url}"'
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        self._reply(question, status, bodies.error(status), headers=headers)

    def _act_out(self, fault: Fault, question: Question) -> None:
        match fault.kind:
            case "answer_status":
                self._refuse(question, fault.status, fault.retry_after)
            case "no_content":
                self._reply(question, 204, b"")
            case "empty_body":
                self._reply(question, 200, b"")
            case "malformed_json":
                self._reply(question, 200, b'{"tables":[{"name":"PrimaryResult","columns":[{"name":"Id",]}')
            case "reset_before_answer":
                self.workspace.record(question, 0, 0)
                self._reset()

    def _break_off(self, body: bytes, fault: Fault) -> None:
        half = body[: len(body) // 2]
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        if fault.kind == "cut_body_unannounced":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(half)
        self.wfile.flush()
        if fault.kind == "reset_in_body":
            self._reset()
        if fault.kind == "stall_in_body":
            self.workspace.closing.wait(fault.stalls)

    def _reset(self) -> None:
        # Lingering zero seconds makes the close a reset.
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("x-ms-correlation-request-id", str(uuid.uuid4()))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        packed = "Content-Encoding" in (headers or {})
        if body and not packed and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, compresslevel=1)
            self.send_header("Content-Encoding", "gzip")
        if body:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
