"""One step ahead: what comes next is made while the last is at work. What is made is not known here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Each = TypeVar("Each")


def ahead(each: Iterable[Each]) -> Iterator[Each]:
    """Yield what is given, in its order, each made in a thread of its own while the one before is dealt with."""
    making = iter(each)
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, making, None)
        while (made := coming.result()) is not None:
            coming = maker.submit(next, making, None)
            yield made
