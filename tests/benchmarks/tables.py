"""What a benchmark of causes prints: the table of figures, and where it goes wrong.

Lines out of scores; no figure is defined and nothing is run here.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from .confidence import interval, reliability
from .figures import FIGURES, claims, mean, sought, stated
from .scoring import UNEXPLAINED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .scoring import Score


def figures(ours: Sequence[Score], others: Mapping[str, Sequence[Score]]) -> Iterator[str]:
    """Set our figures with their bars and 95% intervals beside the same figures of others, by the others' names."""
    headings = "".join(f" {name:>11}" for name in others)
    yield f"{'figure':30} {'bar':>8} {'simulated':>10} {'95%':>16}{headings}"
    for figure in FIGURES:
        value = figure.measure(ours)
        # the same resamples in every run
        span = interval(figure.measure, ours, Random(1))  # noqa: S311 - a benchmark must be repeatable
        bar = "" if figure.bar is None else f"{figure.side} {figure.bar:g}"
        between = f"{span[0]:.3f} - {span[1]:.3f}" if span else ""
        beside = "".join(f" {_cell(figure.measure(scores)):>11}" for scores in others.values())
        mark = "  MISSED" if figure.missed(value) else ""
        yield f"{figure.name:30} {bar:>8} {_cell(value):>10} {between:>16}{beside}{mark}"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def by_cause(scores: Sequence[Score]) -> Iterator[str]:
    """Say for each true cause how many there were, were found and named, and what they were taken for."""
    causes = sorted({one.cause for one in sought(scores)})
    yield f"{'cause':28} {'n':>4} {'found':>6} {'top-1':>6} {'top-3':>6} {'F1':>6}  taken for"
    for cause in causes:
        ours = [one for one in sought(scores) if one.cause == cause]
        wrong = Counter(one.named or "(not found)" for one in ours if one.rank != 1)
        shares = (
            mean(one.incident_id is not None for one in ours),
            mean(one.rank == 1 for one in ours),
            mean(one.rank in (1, 2, 3) for one in ours),
            mean(one.f1 for one in ours),
        )
        cells = " ".join(f"{share or 0:6.2f}" for share in shares)
        yield f"{cause:28} {len(ours):4} {cells}  {', '.join(f'{name} {count}' for name, count in wrong.most_common())}"


def alarms(scores: Sequence[Score]) -> Iterator[str]:
    """Count the false alarms and fragments by the cause they name."""
    for fate in ("false alarm", "fragment"):
        named = Counter(one.ranked[0].cause for one in claims(scores) if one.fate == fate)
        if named:
            yield f"{fate}s: {', '.join(f'{cause} {count}' for cause, count in named.most_common())}"


def confidences(scores: Sequence[Score]) -> Iterator[str]:
    """Set what was said beside what came true, by tenths of confidence."""
    yield f"{'claims':>8} {'said':>6} {'right':>6}"
    for count, said, was in reliability(stated(scores)):
        yield f"{count:8} {said:6.2f} {was:6.2f}"
    honest = sum(claim.ranked[0].cause == UNEXPLAINED for claim in claims(scores))
    yield f"{honest} of {len(claims(scores))} reported incidents are unexplained"
