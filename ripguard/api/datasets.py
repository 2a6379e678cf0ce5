"""List and export datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ripguard.api.arguments import AnyPath, Callback, whole, with_home
from ripguard.errors import refusing
from ripguard.progress import reported_to

if TYPE_CHECKING:
    from ripguard.data.source import Source


def list_datasets() -> dict[str, str]:
    """Names of the built-in datasets, with one line about each."""
    from ripguard.data.registry import SOURCES

    return {name: (function.__doc__ or "").splitlines()[0] for name, function in SOURCES.items()}


@refusing()
@with_home
def export(source: AnyPath | Source, out: AnyPath, progress: Callback | None = None, limit: int | None = None) -> int:
    """Copy the images of a dataset to ``out/<split>/<class>/<image>``; returns their number.

    Args:
        limit: at most so many images, of all classes and splits; None: all.

    Raises:
        OutputRefused: ``out`` exists and is not empty.
    """
    from ripguard.data.registry import as_source
    from ripguard.data.registry import export as run

    found, most = as_source(source), whole("limit", limit, 1)
    with reported_to(progress):
        return run(found.limited(most) if most else found, Path(out))
