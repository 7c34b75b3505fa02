"""A webhook is told once, within bounds, and what it answers never shows its address."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pipeline import notify
from pipeline.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGE = {"text": "all is well"}


@pytest.fixture
def answering() -> Iterator[Callable[[bytes, float], str]]:
    """Give the address of a server that answers everybody with these bytes, one each so many seconds."""
    sockets: list[socket.socket] = []

    def answer(response: bytes, seconds: float) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        sockets.append(server)

        def serve() -> None:
            client, _ = server.accept()
            sockets.append(client)
            heard = b""
            while not heard.endswith(b"}"):  # closing before the whole request is read would reset the connection
                heard += client.recv(65536)
            for byte in response:
                try:
                    client.send(bytes([byte]))
                except OSError:
                    return
                time.sleep(seconds)
            client.close()

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/services/secret"

    yield answer
    for each in sockets:
        each.close()


def test_a_webhook_that_never_finishes_its_answer_delays_the_night_by_no_more_than_was_given_it(
    answering: Callable[[bytes, float], str],
) -> None:
    begun = time.monotonic()
    refusal = notify.post(answering(b"HTTP/1.1 200 OK\r\n" * 9, 0.05), MESSAGE, seconds=0.5)
    assert time.monotonic() - begun < 2
    assert refusal is not None
    assert "did not answer within" in refusal
    assert "secret" not in refusal


def test_a_redirect_is_not_followed_to_whoever_it_names(answering: Callable[[bytes, float], str]) -> None:
    elsewhere = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/secret\r\nContent-Length: 0\r\n\r\n"
    refusal = notify.post(answering(elsewhere, 0), MESSAGE, seconds=5)
    assert refusal == "The webhook at 127.0.0.1 did not take the summary: it answered 302."


def test_a_webhook_that_is_not_there_is_named_by_its_host_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    refusal = notify.post(f"http://127.0.0.1:{port}/services/secret", MESSAGE, seconds=5)
    assert refusal == "The webhook at 127.0.0.1 did not take the summary: Connection refused."


def test_a_night_that_failed_has_the_keys_of_one_that_did_not_and_its_sentence() -> None:
    message = notify.failure(ServiceUnavailable("Gave up\nafter 3 tries."))
    assert message["text"] == "signin-triage failed (4): Gave up after 3 tries."
    assert (message["status"], message["complete"], message["failures"]) == ("failed", False, None)


def test_a_fault_of_ours_is_told_without_what_it_may_quote() -> None:
    assert "ann@example.org" not in notify.failure(KeyError("ann@example.org"))["text"]
