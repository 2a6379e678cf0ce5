"""Ways in which texts write the path of a file: escapes of JSON, XML, URLs and CSV, Windows separators, encodings."""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from urllib.parse import unquote

_JSON = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/]))')
_MARKS = re.compile(r"""[\\&%]|""|''|//|\./|[^\x00-\x7f]""")
_RAW = re.compile("[\udc80-\udcff]")  # bytes that are not UTF-8, as surrogateescape decodes them


def read_as(written: str) -> Iterator[str]:
    """What a piece of text may mean as a path, the likeliest first; separators are ``/``, and there is no ``./``.

    The texts of a dataset mix formats (JSON in a table, URLs in JSON), so each escape is tried in each text.
    """
    if not _MARKS.search(written):
        yield written
        return
    readings = [written]
    if "\\" in written:
        readings.append(_from_json(written))
    if "&" in written:
        readings += [html.unescape(one) for one in readings]
    if "%" in written:
        readings += [unquote(one, errors="surrogateescape") for one in readings]
    for quote in "\"'":
        if quote * 2 in written:
            readings += [one.replace(quote * 2, quote) for one in readings]
    if not written.isascii() or "%" in written:
        readings += [_RAW.sub(_latin, one) for one in readings if _RAW.search(one)]
    for one in readings if len(readings) == 1 else dict.fromkeys(readings):
        if "\\" in one:
            yield one  # outside Windows, a name may have it
        path = one.replace("\\", "/")
        yield posixpath.normpath(path) if "//" in path or "./" in path else path


def decoded(text: bytes) -> tuple[str, str, str]:
    """Text, encoding and error handler with which any bytes are decoded and encoded again without loss.

    UTF-16 needs a byte order mark. Everything else is read as UTF-8; bytes that are not, as of Latin-1, are kept.
    """
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if text.startswith(mark) and len(text) % 2 == 0:
            return text.decode(encoding, "surrogatepass"), encoding, "surrogatepass"
    return text.decode("utf-8", "surrogateescape"), "utf-8", "surrogateescape"


def _from_json(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else found[2]

    halves = _JSON.sub(character, text)  # characters beyond 16 bits are two escapes
    return halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _latin(found: re.Match[str]) -> str:
    return chr(ord(found[0]) - 0xDC00)
