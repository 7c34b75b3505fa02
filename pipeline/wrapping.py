"""Lines as wide as a terminal: broken between words, counted in its columns and not in characters.

What the lines say, and which terminal they are for, is not known here.
"""

from __future__ import annotations

import unicodedata


def wrapped(line: str, width: int) -> list[str]:
    """Return a line as lines that fit a terminal, those that go on indented."""
    if _cells(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()))
    lines, room = [indent], width - len(indent)
    for word in line.split():
        while word:
            gap = "" if lines[-1].isspace() or not lines[-1] else " "
            if _cells(word) + len(gap) <= room:
                lines[-1] += gap + word
                room -= _cells(word) + len(gap)
                break
            fresh = f"{indent}  "
            if gap:
                lines.append(fresh)
                room = width - len(fresh)
                continue
            fits = next(size for size in range(len(word), 0, -1) if _cells(word[:size]) <= room)
            lines[-1] += word[:fits]
            word = word[fits:]
            lines.append(fresh)
            room = width - len(fresh)
    return lines


def _cells(text: str) -> int:
    """Return how many columns of a terminal a text takes: ideographs and emoji two, marks on a letter none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
