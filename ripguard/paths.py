"""``~`` in paths. Shells replace it only at the start of a word: not in ``--key-file=~/k``, nor in quoted variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ripguard.errors import UsageError

FOLDER = "folder:"  # before the path of a source


def expanded(path: Any, what: str) -> Any:
    """A path with ``~`` and ``~user`` at its start replaced by the home folder; anything else is returned as it is.

    Args:
        what: the option, argument or variable, for the message.

    Raises:
        UsageError: there is no such home folder. A file of that name is written ``./~name``.
    """
    if not isinstance(path, str | os.PathLike):
        return path
    text = os.fspath(path)
    if not isinstance(text, str):
        return path
    start = FOLDER if isinstance(path, str) and text.startswith(f"{FOLDER}~") else ""
    text = text.removeprefix(start)
    if not text.startswith("~"):
        return path
    full = os.path.expanduser(text)
    if full.startswith("~"):  # as without HOME, for a user who is not listed
        raise UsageError(
            f"{what}: there is no home folder for {text!r}", "write the full path, or ./~… for a file of that name"
        )
    return start + full if isinstance(path, str) else Path(full)


def named_by(variable: str) -> Path | None:
    """The path in an environment variable, None if it is unset or empty. Raises :class:`UsageError`."""
    value = os.environ.get(variable)
    return Path(expanded(value, variable)) if value else None
