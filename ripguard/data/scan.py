"""List the files of a dataset folder: images, texts that are published with them, and files that are left out.

Symbolic links are read as loaders read them, if they stay inside the folder. Rules decide about every other file, and
every file that is left out has a reason.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from ripguard.errors import InputRefused
from ripguard.files import walk
from ripguard.images.formats import signed_format
from ripguard.images.limits import REFUSED_SUFFIXES, SUFFIXES

TEXTS = frozenset(
    {".txt", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xml", ".yaml", ".yml", ".md", ".rst", ".html", ".htm"}
    | {".svg", ".ipynb", ".py", ".r", ".sh", ".m", ".toml", ".ini", ".cfg", ".conf", ".names", ".data", ".cff", ".bib"}
)
PLAIN = re.compile(  # names without suffix that are texts
    r"(licen[cs]e|copying|copyright|notice|readme|authors|contributors|citation|changelog|changes|version|todo|manifest"
    r"|classes|labels|makefile)",
    re.I,
)
# litter of operating systems, file servers, editors and programs; whole names, any case
LITTER_FOLDERS = re.compile(
    r"\..*|__macosx|@eadir|@tmp|#recycle|#snapshot|\$recycle\.bin|system volume information|lost\+found|__pycache__",
    re.I,
)
LITTER = re.compile(
    r"\..*|thumbs\.db|ehthumbs(_vista)?\.db|desktop\.ini|icon\r|.*\.(pyc|cache|tmp|part|partial|crdownload|swp|bak)"
    r"|.*~|~\$.*",
    re.I,
)
LITTER_WHY = "a hidden or temporary file"
OTHER_WHY = "neither image nor text; it could hold the clean images"
ODD_WHY = "an image under a name that loaders do not read as one"
CONTROL, UTF_16 = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]"), (b"\xff\xfe", b"\xfe\xff")
SNIFFED = 1 << 16  # bytes read to find out whether a file without a known suffix is text


@dataclass
class Found:
    """The files of a folder. Names are POSIX paths relative to it.

    Attributes:
        images, texts: (name, path).
        left_out: name → why it is not published.
        refused: one error for each file or folder that the owner must mend first.
        unusable: names of those that are files: images, or special files.
        outside: folders outside the root that links lead to.
    """

    images: list[tuple[str, Path]] = field(default_factory=list)
    texts: list[tuple[str, Path]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    refused: list[InputRefused] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    outside: list[Path] = field(default_factory=list)

    def names(self) -> list[str]:
        """Names of all files, and the messages of refusals, which begin with a name."""
        files = [name for name, _ in (*self.images, *self.texts)]
        return files + list(self.left_out) + [one.message for one in self.refused]


def scan(root: Path, follow_links: bool = False) -> Found:
    """List the files below a folder, sorted by name.

    Args:
        follow_links: also follow links that lead out of the folder.

    Raises:
        InputRefused: a folder cannot be listed.
    """
    found, home = Found(), root.resolve()
    waiting: list[tuple[str, Path, tuple[Path, ...]]] = [("", root, (home,))]
    while waiting:
        prefix, folder, above = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            reason = error.strerror if error.errno else error
            hint = "change its permissions, or move it out"
            raise InputRefused(f"{folder}: cannot be listed: {reason}", hint) from None
        for entry in inside:
            name = prefix + entry.name
            inner = entry.is_dir(follow_symlinks=False)
            if (LITTER_FOLDERS if inner else LITTER).fullmatch(entry.name):
                images = _images_in(Path(entry.path)) if inner else 0
                found.left_out[name] = f"a hidden folder, with {images} images" if images else LITTER_WHY
                continue
            real = _real(entry, home, follow_links, found, name) if entry.is_symlink() else Path(entry.path)
            if real is None:
                continue
            if entry.is_dir():
                target = real.resolve() if entry.is_symlink() else above[-1] / entry.name
                if target in above:
                    found.refused.append(InputRefused(f"{name}: a link to a folder above it", "remove the link"))
                else:
                    waiting.append((name + "/", real, (*above, target)))
            else:
                _sort(name, real, _is_regular(entry), found)
    for files in (found.images, found.texts):
        files.sort(key=lambda one: one[0].split("/"))
    return found


def looks_like_image(name: str) -> bool:
    """Whether a file has the suffix of an image, supported or not."""
    return os.path.splitext(name)[1].lower() in SUFFIXES | REFUSED_SUFFIXES


def _images_in(folder: Path) -> int:
    """Number of files with the suffix of an image below a folder that is left out."""
    return sum(name.lower().endswith(tuple(SUFFIXES)) for name, _ in walk(folder, []))


def _real(entry: os.DirEntry[str], home: Path, follow: bool, found: Found, name: str) -> Path | None:
    """What a link leads to; None, and a refusal, if it leads nowhere or out of the folder."""
    try:
        real = Path(entry.path).resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: links in a circle
        found.refused.append(InputRefused(f"{name}: a link that leads nowhere", "remove or mend the link"))
        found.unusable += [name] if looks_like_image(name) else []  # others may have been links to folders
        return None
    if real == home or home in real.parents:
        return real
    if not follow:
        hint = "put a copy in its place, or add --follow-links"
        found.refused.append(InputRefused(f"{name}: a link that leads out of the folder", hint))
        found.unusable += [name] if looks_like_image(name) and not real.is_dir() else []
        return None
    found.outside.append(real if real.is_dir() else real.parent)
    return real


def _is_regular(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a regular file, or a link to one; most systems tell it with the name."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _sort(name: str, path: Path, regular: bool, found: Found) -> None:
    """Add a file to images, texts, files left out or refusals."""
    suffix = os.path.splitext(name)[1].lower()
    if not regular:
        found.refused.append(InputRefused(f"{name}: not a regular file", "move it out of the folder"))
        found.unusable.append(name)
    elif suffix in SUFFIXES:
        found.images.append((name, path))
    elif suffix in REFUSED_SUFFIXES:
        found.refused.append(
            InputRefused(f"{name}: an image format that is not supported", "convert it, or move it out of the folder")
        )
        found.unusable.append(name)
    else:
        start, known = _start(path), suffix in TEXTS or PLAIN.fullmatch(os.path.basename(name)) is not None
        if signed_format(start) not in ("", "BMP", "PNM", "NPY"):  # texts may begin with BM or P1
            found.left_out[name] = ODD_WHY
        elif _is_text(start) or (known and _may_be_text(start)):
            found.texts.append((name, path))
        else:
            found.left_out[name] = OTHER_WHY


def _start(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(SNIFFED)
    except OSError:
        return b"\0"


def _may_be_text(start: bytes) -> bool:
    """Whether the beginning of a file is text in some encoding: empty, UTF-16, or without control characters."""
    return start.startswith(UTF_16) or not CONTROL.search(start)


def _is_text(start: bytes) -> bool:
    """Whether the beginning of a file is UTF-8 text without control characters."""
    if not start or CONTROL.search(start):
        return False
    try:
        start.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(start) - 3 and len(start) == SNIFFED  # cut inside a character
    return True
