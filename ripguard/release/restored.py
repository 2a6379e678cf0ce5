"""Result of a restoration: for each image, and in total."""

from __future__ import annotations

from dataclasses import dataclass, field

from ripguard.errors import RipguardError
from ripguard.release.locate import Wanted


@dataclass
class Outcome:
    """Result for one image.

    Attributes:
        exact: False for an image of a lossy release.
        error: why it was not restored, None if it was.
        name: name of its original file, "" for none. Such a file is written under its number first.
        home: its path in the release, "" if unknown.
        png: whether its file holds PNG bytes under a name with another suffix.
        alike: whether several images of the release have its samples, and nothing tells which of them it is.
    """

    wanted: Wanted
    exact: bool
    error: RipguardError | None
    name: str = ""
    home: str = ""
    png: bool = False
    alike: bool = False


@dataclass
class Restored:
    """Result of a restoration.

    Attributes:
        out: path of the output.
        restored: number of images.
        exact: False if any image came from a lossy release.
        release: path of the release that the images belong to; "" for loose images without one.
        checked: whether names and completeness were compared with the manifest of ``release``.
        signer: fingerprint of the signer of the release, None if unsigned.
        refused: path, code and message of each image that was not restored.
        moved: (file, path in the release) of restored images and texts whose files had other names than in the release.
        left_out: files that are not images and that the release does not list.
        litter: hidden and temporary files, which are ignored.
        duplicates: (file, path in the release) of further files of an image that was restored, which are ignored.
        hints: what helps the refused files, each hint once.
        first_error: the first of ``refused``.
        texts_mended: texts that were changed or missing, and came back as published or as in the source nevertheless.
        texts_as_published: texts that name the published images, because the key of a unit does not open those of the
            source.
        png_named_otherwise: number of restored files that hold PNG bytes under the name of a source file in another
            format, such as ``a.jpg``: the release keeps the samples, not the files. Programs open images by content.
        units: sorted ``split/label`` of the units that the key opens, if it does not open the whole release; of a
            folder, only their images are then restored. None: the key opens the whole release.
    """

    out: str
    restored: int
    exact: bool
    release: str = ""
    checked: bool = False
    signer: str | None = None
    refused: list[dict[str, str]] = field(default_factory=list)
    moved: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    first_error: RipguardError | None = None
    png_named_otherwise: int = 0
    texts_as_published: list[str] = field(default_factory=list)
    units: list[str] | None = None
    litter: list[str] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    texts_mended: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)


def refuse(result: Restored, path: str, error: RipguardError) -> None:
    """Add a file to the list of refused files."""
    result.refused.append({"path": path, "code": error.code, "message": error.message})
    if error.hint and error.hint not in result.hints:
        result.hints.append(error.hint)
    result.first_error = result.first_error or error
