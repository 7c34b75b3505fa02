"""What a run was asked to do: what is wrong is said in one sentence before anything is opened or sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline import settings
from pipeline.errors import UsageError
from pipeline.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 10, 31, 12)
WORKSPACE = "0e2a4c60-1111-4222-8333-444455556666"
OTHER = "0e2a4c60-1111-4222-8333-444455557777"


def endpoint(text: str) -> str:
    return settings.source([WORKSPACE], text, "public").endpoint


def test_without_options_the_window_is_the_fourteen_days_before_now() -> None:
    span = settings.span(None, None, None, NOW)
    assert span.window == Window(NOW - timedelta(days=14), NOW)
    assert not span.fixed


def test_until_fixes_what_now_means_and_lookback_counts_from_it() -> None:
    span = settings.span(None, "2026-10-20T08:00:00+02:00", "36h", NOW)
    assert span.window == Window(datetime(2026, 10, 18, 18), datetime(2026, 10, 20, 6))
    assert span.fixed


def test_since_as_a_duration_counts_from_until_and_not_from_now() -> None:
    assert settings.span("2d", "2026-10-20", None, NOW).window.start == datetime(2026, 10, 18)


def test_since_wins_over_lookback() -> None:
    assert settings.span("2026-10-30", None, "14d", NOW).window.start == datetime(2026, 10, 30)


def test_until_as_a_duration_looks_back_from_the_clock() -> None:
    assert settings.span(None, "1d", "1d", NOW).window == Window(datetime(2026, 10, 29, 12), datetime(2026, 10, 30, 12))


def test_one_workspace_named_twice_is_read_once() -> None:
    source = settings.source([WORKSPACE, OTHER, WORKSPACE.upper()], None, "public")
    assert source.workspaces == (WORKSPACE, OTHER)


def test_one_word_may_hold_several_workspaces_as_an_environment_variable_must() -> None:
    assert settings.source([f"{WORKSPACE}, {OTHER}\n"], None, "public").workspaces == (WORKSPACE, OTHER)


@pytest.mark.parametrize(
    ("cloud", "address"),
    [
        ("public", "https://api.loganalytics.io"),
        ("usgov", "https://api.loganalytics.us"),
        ("china", "https://api.loganalytics.azure.cn"),
    ],
)
def test_each_cloud_has_its_own_endpoint_and_audience(cloud: str, address: str) -> None:
    source = settings.source([WORKSPACE], None, cloud)
    assert (source.endpoint, source.audience) == (address, address)


def test_another_endpoint_is_spoken_to_with_the_audience_of_the_cloud() -> None:
    source = settings.source([WORKSPACE], "https://logs.example.org", "usgov")
    assert (source.endpoint, source.audience) == ("https://logs.example.org", "https://api.loganalytics.us")


@pytest.mark.parametrize(
    "text",
    [
        "https://logs.example.org",
        "https://logs.example.org/",
        "https://logs.example.org/v1",
        "https://logs.example.org/v1/",
        "logs.example.org",
    ],
)
def test_an_endpoint_may_be_written_with_or_without_scheme_version_and_last_slash(text: str) -> None:
    assert endpoint(text) == "https://logs.example.org"


@pytest.mark.parametrize(
    "text",
    ["http://localhost:8080", "http://127.0.0.1:8080", "http://127.3.2.1", "http://[::1]:8080", "HTTP://LOCALHOST"],
)
def test_plain_http_is_allowed_to_this_machine(text: str) -> None:
    assert endpoint(text).lower() == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "http://logs.example.org",
        "HTTP://logs.example.org",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://localhost@example.org",
        "http://10.0.0.1",
        "http://[2001:db8::1]",
    ],
)
def test_plain_http_to_another_machine_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--endpoint .* plain http"):
        endpoint(text)


WRONG: dict[str, tuple[str, Callable[[], object]]] = {
    "since is no time": ("--since", lambda: settings.span("last week", None, None, NOW)),
    "until is no time": ("--until", lambda: settings.span(None, "soon", None, NOW)),
    "lookback is no duration": ("--lookback", lambda: settings.span(None, None, "14", NOW)),
    "lookback is nothing": ("--lookback", lambda: settings.span(None, None, "0d", NOW)),
    "lookback is longer than any log": ("--lookback", lambda: settings.span(None, None, "99999w", NOW)),
    "since is until": ("--since", lambda: settings.span("2026-10-20", "2026-10-20", None, NOW)),
    "since is after until": ("--since", lambda: settings.span("2026-10-21", "2026-10-20", None, NOW)),
    "since is in the future": ("--since", lambda: settings.span("2026-11-21", None, None, NOW)),
    "no workspace": ("--workspace", lambda: settings.source([], None, "public")),
    "a workspace's name": ("--workspace", lambda: settings.source(["contoso-logs"], None, "public")),
    "a GUID and more": ("--workspace", lambda: settings.source([f"{WORKSPACE}/../x"], None, "public")),
    "a GUID and a line": ("--workspace", lambda: settings.source([f"{WORKSPACE}\nHost: x"], None, "public")),
    "nothing but commas": ("--workspace", lambda: settings.source([" , "], None, "public")),
    "no such cloud": ("--cloud", lambda: settings.source([WORKSPACE], None, "moon")),
    "a file as endpoint": ("--endpoint", lambda: endpoint("file:///etc/passwd")),
    "an endpoint without a host": ("--endpoint", lambda: endpoint("https://")),
    "an endpoint with half an address": ("--endpoint", lambda: endpoint("https://[::1")),
    "an endpoint with a port that is none": ("--endpoint", lambda: endpoint("https://logs.example.org:https")),
}


@pytest.mark.parametrize(("option", "ask"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_one_sentence_that_names_the_option(option: str, ask: Callable[[], object]) -> None:
    with pytest.raises(UsageError) as told:
        ask()
    said = str(told.value)
    assert option in said
    assert "\n" not in said
    assert said.endswith(".")
    assert told.value.exit_code == 2


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--db"):
        settings.database(tmp_path)


def test_a_database_behind_a_link_is_the_file_that_the_link_names(tmp_path: Path) -> None:
    link = tmp_path / "link.duckdb"
    link.symlink_to(tmp_path / "real.duckdb")
    assert settings.database(link) == (tmp_path / "real.duckdb").resolve()
