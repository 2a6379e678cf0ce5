"""Names of images in the texts of a dataset, rewritten to the names under which the images are published.

A release publishes ``cats/1.jpg`` as ``cats/1.png``, in the same folder. Lists, tables and annotations that name the
image must follow, or loaders fail. A mention is found by its end (``.jpg`` and what may follow a name), and resolved by
its path. Only the suffix is exchanged, so all other bytes stay, whatever escapes or encoding the text has.

A URL is a mention if its end is the path of an image. Names without suffix (lists of ids) are none, and need no change.
Nor are the keys of VIA projects (``"1.jpg12345"``, name and file size), which are identifiers within their file; its
``"filename"`` is a mention.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ripguard.data.path_index import NO_NAME, NO_PATH, PathIndex
from ripguard.data.spellings import decoded, read_as
from ripguard.images.limits import SUFFIXES

SPACE = r"\s\x00-\x1f\ufeff"
AROUND = "\"'`()[]{}<>,;:=|#?*!“”‘’„«»‹›、。，；：！？（）【】「」『』《》"  # may stand before and after a name
LONGEST = 2048  # characters of a mention that are read
KINDS = "|".join(sorted(suffix[1:] for suffix in SUFFIXES))
END = re.compile(rf"\.(?:{KINDS})(?=\Z|[{SPACE}{re.escape(AROUND)}&]|\.(?!\w)|\\[\"nrt])", re.IGNORECASE)
# What stands before a mention. Other escapes belong to it: the group.
BEFORE = rf"&(?:quot|apos|lt|gt|nbsp|#34|#39|#x22|#x27);|(&#?\w{{1,8}};)|[{SPACE}{re.escape(AROUND)}]"
START, START_JSON = re.compile(BEFORE), re.compile(rf'\\[nrtbf"]|{BEFORE}|(\\.)')

AMBIGUOUS = "images of this name are published with different endings"
CASE = "upper and lower case differ from an image's name"
ELSEWHERE = "images of this name are in other folders"
ABSENT = "there is no image of this name"


@dataclass
class Rewritten:
    """A text that names the published images.

    Attributes:
        text: its bytes.
        changed: number of mentions that were changed.
        unresolved: name in the text that ends like an image and was left as it is → reason.
        parted: images that loaders look for under the name of this text (``1.txt`` beside ``1.jpg``), and that are
            published under another one (``1.jpg.png``).
    """

    text: bytes
    changed: int = 0
    unresolved: dict[str, str] = field(default_factory=dict)
    parted: list[str] = field(default_factory=list)


class Mentions:
    """The images of a dataset and their published names.

    Args:
        published: POSIX path of each image in the dataset → its path in the release, in the same folder.

    Attributes:
        parted: name without folder and suffix → images of this name that are published under another one, because two
            names would collide. Lists of ids, and label files beside images, do not find them.

    Raises:
        ValueError: a published name does not begin with the image's name without suffix.
    """

    def __init__(self, published: Mapping[str, str]) -> None:
        self._published = published
        self.parted: dict[str, list[str]] = {}
        self._endings: dict[str, str] = {}
        for source, target in published.items():
            name, new = source.rpartition("/")[2], target.rpartition("/")[2]
            stem, _, suffix = name.rpartition(".")
            if f".{suffix.lower()}" not in SUFFIXES:
                continue  # not a file: texts do not name it
            if not new.startswith(stem):
                raise ValueError(f"{target}: expected the name of {source} with another ending")
            self._endings[source] = new[len(stem) :]
            if new.rpartition(".")[0] != stem:
                self.parted.setdefault(stem, []).append(source)
        self._index = PathIndex(self._endings.items())
        used = {one for one in set("".join(published)) if one in AROUND or one.isspace()}
        # of the characters that may stand before a mention, those that no path has end it
        kept = f"|[{re.escape(''.join(sorted(used)))}]" if used else ""
        self._backwards = re.compile(rf"(?:[^{SPACE}{re.escape(AROUND)}]{kept}|;\w{{1,8}}#?&)*")
        self._starts = 2 + 2 * max((sum(map(path.count, used)) for path in published), default=0)
        self._simple = not used
        longest = max(map(len, published), default=0)
        # an escaped character takes up to twelve; what stands before the dataset's path need not be read
        self._window = LONGEST if self._simple else min(LONGEST, 8 + 12 * longest)

    @cached_property
    def changes(self) -> bool:
        """Whether a published name differs from the image's name."""
        return any(not source.endswith(ending) for source, ending in self._endings.items())

    @cached_property
    def _normal(self) -> PathIndex:
        """Images by paths of one Unicode normal form."""
        return PathIndex((_normal(path), ending) for path, ending in self._endings.items())

    @cached_property
    def _results(self) -> PathIndex:
        """Published images by their paths: texts may name them already."""
        return PathIndex((_normal(path), "") for path in self._published.values())

    @cached_property
    def _folded(self) -> set[str]:
        return {_normal(path.rpartition("/")[2]).casefold() for path in self._endings}

    def places(self, text: str, stem: int, end: int, json: bool) -> list[int]:
        """Where a mention may begin whose suffix stands at ``stem:end``, the last place first."""
        window = text[max(0, end - self._window) : end]
        found = self._backwards.match(window[::-1])
        length = found.end() if found else 0
        begin = end - length
        token = text[begin:end]
        json = json and "\\" in token
        if self._simple and not json and "&" not in token:
            return [begin] if begin < stem else []
        before = [one.end() for one in (START_JSON if json else START).finditer(token) if one.lastindex is None]
        places = [begin + place for place in (0, *before) if begin + place < stem]
        return places[-self._starts :][::-1]

    def find(self, text: str, starts: list[int], end: int, bases: list[str]) -> tuple[int, str | None, int]:
        """Length of the best match, its ending, and where it begins. The longest wins, then the last."""
        best: tuple[int, str | None, int] = NO_NAME, None, starts[0]
        for start in starts:
            for path in read_as(text[start:end]):
                length, ending = self._index.find(path, bases)
                if length <= NO_PATH and not path.isascii():
                    length, ending = self._normal.find(_normal(path), bases)
                if length > best[0]:
                    begin = end - length if len(path) == end - start else start  # escapes: where is not known
                    best = length, ending, max(begin, start) if length > NO_PATH else start
        return best

    def reason(self, written: list[str], length: int, bases: list[str]) -> str:
        """Why none of these is resolved, or "" if there is nothing to change; the first is the shortest."""
        if length > NO_PATH:
            return AMBIGUOUS
        paths = [[_normal(path) for path in read_as(one)] for one in written]
        if any(self._results.find(path, bases)[0] > NO_PATH for readings in paths for path in readings):
            return ""
        names = {path.rpartition("/")[2] for path in paths[0]}
        if length == NO_PATH:
            return ELSEWHERE
        if any(name.casefold() in self._folded for name in names):
            return CASE
        if any(name.startswith(".") for name in names):  # an ending: /.jpg
            return ""
        return ABSENT


def rewritten(text: bytes, name: str, published: Mentions) -> Rewritten:
    """A text of the dataset as the release needs it: each image is named as it is published.

    A name that may be several images with different endings, or none, is left as it is and reported. A text that names
    published images already stays, unless a published name is also the name of another image of the source.

    Args:
        text: bytes of the file: UTF-8, UTF-16 with byte order mark, or a superset of ASCII.
        name: POSIX path of the file in the dataset; paths may be relative to its folder, or to a folder above.
    """
    result = Rewritten(text, parted=published.parted.get(name.rpartition("/")[2].rpartition(".")[0], []))
    if not published.changes:
        return result
    content, encoding, errors = decoded(text)
    json = name.lower().endswith((".json", ".jsonl"))
    bases = _bases(name)
    pieces, rest = list[str](), len(content)  # of the result, the last first; the rest is not yet copied
    before = rest  # the mention at hand ends here or earlier
    for found in reversed(list(END.finditer(content))):
        end = found.end()
        if end > before:
            continue  # within a longer name, "1.jpg copy.png"
        starts = published.places(content, found.start(), end, json)
        if not starts:
            continue  # only an ending, as in "*.jpg"
        length, ending, start = published.find(content, starts, end, bases)
        if ending is None:
            if content[start:end] in result.unresolved:
                continue
            written = [content[one:end] for one in (start, *starts)]
            reason = "" if written[-1].startswith("//") else published.reason(written, length, bases)
            if reason:  # not for URLs: they need not name images of the dataset
                result.unresolved[written[0]] = reason
            continue
        before = start
        if ending != found[0]:
            pieces += [content[end:rest], ending]
            rest = found.start()
            result.changed += 1
    if pieces:
        pieces.append(content[:rest])
        result.text = "".join(reversed(pieces)).encode(encoding, errors)
    return result


def _bases(name: str) -> list[str]:
    """``a/b/list.txt`` → ``a/b``, ``a``, and the dataset itself."""
    bases, folder = list[str](), name.rpartition("/")[0]
    while folder:
        bases.append(folder)
        folder = folder.rpartition("/")[0]
    return [*bases, ""]


def _normal(path: str) -> str:
    return path if path.isascii() else unicodedata.normalize("NFC", path)
