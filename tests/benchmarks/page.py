"""The page of a tenant with 200 incidents and 20,000 failures: its size, the time to write it, and whether it scrolls.

The tenant is simulated, landed and analyzed as any other; the page is written from what the analysis left. Exit 1 where
a bar is missed.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from pipeline import page
from pipeline.sandbox.tenant import simulate
from pipeline.window import Window

from .tenants import Labelled, analyze, database, land_arrived

_UNTIL = datetime(2026, 11, 16)
_USERS = 900
# Two hundred and more incidents, most of them of one device each, as a large tenant has them.
_OF_A_DEVICE = (
    *("device_reregistered", "device_key_lost", "device_key_unavailable", "device_identity_cloned"),
    "clock_skew",
)
_CAUSES = (
    *(_OF_A_DEVICE * 38),
    *("app_credential_change", "app_credential_change", "app_config_change", "algorithm_mismatch"),
    *("network_interception", "network_interception", "network_interception"),
    *("token_forgery", "token_forgery", "token_forgery", "token_forgery", "token_forgery"),
)
_INCIDENTS, _FAILURES = 200, 20_000
_MOST_BYTES = 3_000_000
# A task of the main thread from which on a page is said to stutter (W3C, Long Tasks).
_LONG_TASK_MS = 50.0
_STEP = 240  # pixels a frame: as fast as a hand turns a wheel
_SCROLL = """
(step) => new Promise((done) => {
  const before = scrollY;
  scrollBy(0, step);
  requestAnimationFrame(() => requestAnimationFrame(() => done(scrollY !== before)));
})
"""


def main() -> int:
    """Measure, print, and return 1 where a bar is missed."""
    simulated = simulate(7, until=_UNTIL, users=_USERS, causes=_CAUSES, strays=30)
    tenant = Labelled("page", simulated.since, simulated.until, simulated.tables, (), frozenset())
    con = database()
    with tempfile.TemporaryDirectory() as folder:
        land_arrived(con, tenant, Path(folder), tenant.until)
        begun = time.perf_counter()
        incidents = analyze(con, tenant.since, tenant.until)
        analyzed = time.perf_counter() - begun
        file = Path(folder) / "report.html"
        begun = time.perf_counter()
        page.write(con, Window(tenant.since, tenant.until), file)
        written = time.perf_counter() - begun
        size = file.stat().st_size
        failures = sum(len(one.failures) for one in incidents)
        _say(f"{len(incidents)} incidents, {failures:,} failures")
        _say(f"size      {size:>12,} bytes      bar {_MOST_BYTES:,}")
        _say(f"written   {written:>12.1f} s          bar {analyzed:.1f} s, which the analysis took")
        missed = [
            name
            for name, bad in (
                ("incidents", len(incidents) < _INCIDENTS),
                ("failures", failures < _FAILURES),
                ("size", size >= _MOST_BYTES),
                ("time", written >= analyzed),
                ("scrolling", not _smooth(_frames(file))),
            )
            if bad
        ]
    _say(f"missed: {', '.join(missed)}" if missed else "every bar is met")
    return 1 if missed else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _frames(file: Path) -> list[float] | None:
    """Return the main thread's work for each step of scrolling through the whole page, in milliseconds of its own time.

    Its own time, because a frame that is late on a busy machine says nothing of the page.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(file.as_uri())
        tab.wait_for_timeout(500)
        session = tab.context.new_cdp_session(tab)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})

        def worked() -> float:
            metrics = session.send("Performance.getMetrics")["metrics"]
            return float(next(1000.0 * each["value"] for each in metrics if each["name"] == "TaskDuration"))

        readings = [worked()]
        while tab.evaluate(_SCROLL, _STEP):
            readings.append(worked())
        browser.close()
    return [after - before for before, after in pairwise(readings)]


def _smooth(frames: list[float] | None) -> bool:
    """Print the frames and tell whether they are smooth; without a browser nothing is claimed, and nothing missed."""
    if frames is None:
        _say("scrolling not measured: there is no Chromium on this machine")
        return True
    ranked = sorted(frames)
    longest = ranked[-1]
    _say(
        f"scrolling {longest:>12.1f} ms         bar {_LONG_TASK_MS:.1f} ms for the longest step "
        f"({len(frames)} steps, median {ranked[len(ranked) // 2]:.1f} ms)"
    )
    return longest < _LONG_TASK_MS


if __name__ == "__main__":
    sys.exit(main())
