"""The program with a clock that it is told, and waits a hundred times shorter: otherwise what a user starts.

    faults_program.py CLOCK JUMPS COMMAND...

CLOCK is the UTC time at which it believes to begin; JUMPS are ``seconds:hours`` with commas between: so long after the
beginning its clock is put forward or back by so much. Only the process's own clock jumps, as on a machine that corrects
its time; what waits goes by the monotonic clock and must not notice.
"""

from __future__ import annotations

import functools
import sys
import time
from datetime import datetime, timedelta

from pipeline import logs, patience, runs

BUDGET, FIRST_CONTACT, FIRST_WAIT, SILENCE = 2.5, 1.5, 0.01, 2.0


def main() -> None:
    """Run the command with the clock that was asked for."""
    clock = datetime.fromisoformat(sys.argv[1])
    jumps = [tuple(map(float, jump.split(":"))) for jump in sys.argv[2].split(",") if jump]
    begun, unmoved = time.monotonic(), time.time

    def jumped() -> timedelta:
        since = time.monotonic() - begun
        return timedelta(hours=sum(hours for after, hours in jumps if after <= since))

    time.time = lambda: unmoved() + jumped().total_seconds()
    runs.clock = lambda: clock + jumped()
    patience.Patience = functools.partial(patience.Patience, BUDGET, FIRST_CONTACT, FIRST_WAIT)  # type: ignore[misc, assignment]  # waits shortened, nothing else
    logs.SILENCE_SECONDS = SILENCE
    sys.argv = ["signin-triage", *sys.argv[3:]]
    from pipeline.cli import main as program

    program()


if __name__ == "__main__":
    main()
