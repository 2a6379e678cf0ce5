"""Detect, check and convert formats of datasets."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripguard.api.arguments import AnyPath, Callback, opened, pixels_allowed, refuse_empty, with_home
from ripguard.crypto.keys import Key
from ripguard.errors import KeyFileError, UsageError, refusing
from ripguard.progress import reported_to

if TYPE_CHECKING:
    from ripguard.interchange.convert import Converted, Examined


@refusing()
def list_formats() -> dict[str, str]:
    """Names of the formats, with one line about each."""
    from ripguard.interchange.registry import FORMATS

    return {name: found.note for name, found in FORMATS.working().items()}


@refusing()
@with_home
def examine(
    source: AnyPath, *, format: str | None = None, max_pixels: int | None = None, progress: Callback | None = None
) -> Examined:
    """Read the annotations of a dataset: format, splits, classes, and all entries that cannot be read.

    Args:
        source: a folder.
        format: name of its format; None: it is detected.
        max_pixels: most pixels of an image; None: 50 million, or what ``RIPGUARD_MAX_PIXELS`` says.

    Raises:
        UsageError: there is no such format.
        InputRefused: the folder has no known format.
        MissingExtra: the format needs a library of the extra ``formats``.
    """
    from ripguard.interchange.convert import examine as run

    refuse_empty(source=source, format=format)
    with pixels_allowed(max_pixels), reported_to(progress):
        return run(Path(source), format)


@refusing()
@with_home
def convert(
    source: AnyPath,
    out: AnyPath,
    to: str,
    *,
    format: str | None = None,
    link: bool = False,
    accept_losses: bool = False,
    skip_rejected: bool = False,
    dry_run: bool = False,
    encrypt_key: Key | AnyPath | None = None,
    max_pixels: int | None = None,
    progress: Callback | None = None,
) -> Converted:
    """Write a dataset in another format. Images are copied byte for byte; ``out`` appears when it is complete.

    Args:
        source: a folder.
        out: the folder to make.
        to: name of the new format.
        format: name of the format of ``source``; None: it is detected.
        link: hard links to the images instead of copies.
        accept_losses: write although the new format does not hold everything.
        skip_rejected: leave out entries that cannot be read.
        dry_run: only list losses and rejected entries.
        encrypt_key: for ``parquet``: encrypt the files under this key.
        max_pixels: as of :func:`examine`.

    Raises:
        UsageError: there is no such format, or it cannot be encrypted.
        KeyFileError: the key lies inside source or output, or is no key of an owner.
        InputRefused: entries cannot be read, or there are losses, and that was not accepted.
        OutputRefused: ``out`` exists, or overlaps the source.
        MissingExtra: a format needs a library of the extra ``formats``.
    """
    from ripguard.interchange.convert import convert as run
    from ripguard.interchange.registry import format_of

    refuse_empty(source=source, out=out, to=to, format=format, encrypt_key=encrypt_key)
    target = format_of(to)
    if encrypt_key is not None:
        target = _encrypting(to, encrypt_key, (Path(source), Path(out)))
    with pixels_allowed(max_pixels), reported_to(progress):
        done = run(
            Path(source), Path(out), target, format, link=link, accept_losses=accept_losses, dry_run=dry_run,
            skip_rejected=skip_rejected,
        )  # fmt: skip
    return dataclasses.replace(done, encrypted=encrypt_key is not None)


def _encrypting(to: str, key: Any, folders: tuple[Path, Path]) -> Any:
    from ripguard.interchange.parquet import Parquet

    if to != Parquet.kind.method:
        raise UsageError(f"only {Parquet.kind.method} files can be encrypted, not {to}", "add --format parquet")
    ring, file = opened(key)
    for folder in folders:
        if file and folder.resolve() in Path(file).resolve().parents:
            raise KeyFileError(f"{file} lies inside source or output", "keep keys outside of both")
    if not isinstance(ring, Key):
        raise KeyFileError("key: expected the key of an owner", "use a file that ripguard keygen made")
    return Parquet(ring)
