"""Move restored files to their final paths, under the names of the original files where those are free."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ripguard.errors import Damaged
from ripguard.release.restored import Outcome, Restored, refuse
from ripguard.store.atomic import storage


def give_names(done: list[Outcome], tree: Path, originals: Path, result: Restored) -> None:
    """Move files from ``originals`` to the paths of their images in ``tree``.

    A file gets its original name, or one made from it and the path where two files share that name.

    Args:
        done: restored images whose files lie in ``originals`` under their numbers. One that has no valid path is
            refused in ``result``.
    """
    claims = Counter(_beside(one.wanted.place, one.name) for one in done)
    made = set[str]()
    for one in done:  # all folders first: a folder may have the name of a file
        if (folder := one.wanted.place.rpartition("/")[0]) not in made:
            with _refusing(one, result):
                (tree / folder).mkdir(parents=True, exist_ok=True)
                made.add(folder)
    for one in done:
        if one.error is None:
            names = _names_for(one.wanted.place, one.name, claims)
            with _refusing(one, result):
                target = next(path for name in names if not os.path.lexists(path := f"{tree}/{name}"))
                os.rename(f"{originals}/{one.wanted.number}", target)


@contextlib.contextmanager
def _refusing(one: Outcome, result: Restored) -> Iterator[None]:
    """Refuse only this image if its path is invalid here: too long, or below another file."""
    with storage("cannot write"):
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR):
                raise
            reason = f"{one.wanted.file}: its path in the output cannot be created: {error.strerror}"
            one.error = Damaged(reason, "choose a shorter OUT, or rename it in a copy of the release")
    if one.error:
        refuse(result, str(one.wanted.file), one.error)
        result.restored -= 1


def _beside(place: str, name: str) -> str:
    """The path of another name in the same folder."""
    return "".join((*place.rpartition("/")[:2], name))


def _names_for(place: str, name: str, claims: Counter[str]) -> Iterator[str]:
    """Candidate paths of an original file, best first: its own name, if it is the only file that claims it."""
    if claims[own := _beside(place, name)] == 1:
        yield own
    suffix = PurePosixPath(name).suffix
    yield str(PurePosixPath(place).with_suffix(suffix))
    for number in itertools.count():
        yield f"{place}{f'.{number}' if number else ''}{suffix}"
