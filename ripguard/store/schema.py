"""Schema of ``release.json`` and ``manifest.jsonl``. Files that do not match it are refused before use.

``docs/reference/format.md`` describes the fields. Unknown fields are allowed, as later versions may add some. Size,
depth and number of parts are limited, because these files can be written without a key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ripguard.images.limits import MOST_PIXELS, max_pixels
from ripguard.systems import leads_out

Check = Callable[[Any], bool]

MOST_INFO = 1 << 26  # bytes of release.json: residue files of twenty million images, 130 bytes each
MOST_ROW = 1 << 16  # bytes of a line of the manifest; a path has at most 4,096 bytes, each escaped to at most six
MOST_PARTS = (
    1 << 20
)  # lists and objects in one file, and a fourth of the values; Python takes at least 60 bytes for each
UNITS = 1 << 16  # the unit number has two bytes in the header
DEEPEST = 20  # nesting depth; ripguard writes four levels


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def parsed(raw: bytes) -> Any:
    """Parse JSON. Raises :class:`ValueError` if it is invalid, too deep, or has too many parts."""
    nested = raw.count(b"[") + raw.count(b"{")
    if nested > MOST_PARTS or raw.count(b",") > 4 * MOST_PARTS:
        raise ValueError("too many parts")
    try:
        value = _decoder.decode(raw.decode())
    except RecursionError:
        raise ValueError("too deep") from None
    if nested > DEEPEST and _deeper(value):  # necessary for a greater depth
        raise ValueError("too deep")
    return value


def _no_number(name: str) -> None:
    raise ValueError(name)  # NaN and infinities are not JSON


_decoder = json.JSONDecoder(parse_constant=_no_number)  # created once: that takes as long as parsing a row


def _deeper(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [one for one in level if isinstance(one, (dict, list))]
        if not level:
            return False
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return True


def text(value: Any) -> bool:
    """Whether a value is a string without lone surrogates, except those that encode bytes of file names."""
    return isinstance(value, str) and not HALVES.search(value)


HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def count(value: Any) -> bool:
    return below(1 << 63)(value)


def below(bound: int) -> Check:
    """Check for an integer from 0 to ``bound`` − 1."""
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value < bound


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def name(value: Any) -> bool:
    """Whether a value is a plain file name, without folders."""
    return text(value) and path(value) and "/" not in value


def path(value: Any) -> bool:
    """Whether a value is a relative path that stays inside its folder."""
    if not text(value) or not value or "\0" in value or leads_out(value):
        return False
    return not value.startswith("/") and not {"..", ".", ""} & set(value.split("/"))


def digits(size: int | None = None) -> Check:
    """Check for lower-case hexadecimal digits of ``size`` bytes; None: at least one byte."""
    form = re.compile(r"(?:[0-9a-f]{2})" + ("+" if size is None else f"{{{size}}}"))
    return lambda value: text(value) and form.fullmatch(value) is not None


def many(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def fields(needed: dict[str, Check]) -> Check:
    return lambda value: (
        isinstance(value, dict) and all(key in value and own(value[key]) for key, own in needed.items())
    )


class TooManyPixels(ValueError):
    """A row of an image with more pixels than the limit, which an option raises."""


def shape(value: Any) -> bool:
    """Whether a value is ``[height, width, channels]`` of a publishable image. Raises :class:`TooManyPixels`."""
    if not isinstance(value, list) or len(value) != 3 or not all(map(count, value)):
        return False
    pixels = value[0] * value[1]
    if value[2] in (1, 3) and max_pixels() < pixels <= MOST_PIXELS:
        raise TooManyPixels(f"shape {value[1]}×{value[0]}: more than {max_pixels():,} pixels")
    return value[2] in (1, 3) and 0 < pixels <= max_pixels()


def piece(value: Any) -> bool:
    """Whether a value is ``[file, offset, length]`` in the residue."""
    return isinstance(value, list) and len(value) == 3 and name(value[0]) and all(map(count, value[1:]))


def file_of(value: Any) -> bool:
    """Whether a value is ``[file, hex SHA-256, bytes]`` of a residue file."""
    return isinstance(value, list) and len(value) == 3 and name(value[0]) and digits(32)(value[1]) and count(value[2])


def measured(value: Any) -> bool:
    """Whether a value is a number, or None for one that could not be measured."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


INFO: dict[str, Check] = {  # of all versions
    "format": text,
    "dataset_id": digits(8),
    "key_id": digits(8),
    "exact": text,
    "pictures": count,
    "limited": flag,
    "labels": many(text),
    "units": many(fields({"split": text, "label": text})),
    "manifest": digits(32),
    "residue": many(fields({"file": name, "sha256": digits(32), "bytes": count})),
    "annotations": many(fields({"path": path, "sha256": digits(32)})),
    "proof": digits(32),
}
INFO_V1: dict[str, Check] = {"source": text, "scheme": fields({"name": text})}  # of versions 0 and 1
INFO_V2: dict[str, Check] = {
    "codec": text,
    "parts": many(fields({"name": path, "sha256": digits(32), "bytes": count})),
    "card": fields({"path": name, "sha256": digits(32)}),
}
INFO_MAY: dict[str, Check] = {
    "model": fields({"sha256": digits(32), "bytes": count}),
    "signature": fields({"public": digits(), "value": digits(), "signer": text}),
}
ROW: dict[str, Check] = {  # of all versions
    "path": path,
    "unit": below(UNITS),
    "index": below(1 << 32),
    "shape": shape,
    "pixels": digits(32),
    "clean": digits(32),
    "planes": count,
    "residue": lambda value: value is None or piece(value),
    "file": digits(32),
}
ROW_V1: dict[str, Check] = {"overwritten": count, "overflow": count}
ROW_MAY: dict[str, Check] = {"header": digits(), "bytes": piece}
ROW_MAY_V1: dict[str, Check] = {"name": name}


COMMIT: dict[str, Check] = {
    "residue": lambda value: value is None or file_of(value),
    "to_carrier": many(fields({"psnr": measured, "ssim": measured})),
    "to_clean": many(fields({"psnr": measured, "ssim": measured})),
    "over_bound": count,
}


def check_commit(about: Any) -> None:
    """Check the first line of a commit. Raises :class:`ValueError` with the name of a missing or invalid field."""
    _check(about, COMMIT, {})


def check_info(info: Any, version: int) -> None:
    """Check ``release.json``. Raises :class:`ValueError` with the name of a missing or invalid field."""
    _check(info, INFO | (INFO_V1 if version < 2 else INFO_V2), INFO_MAY)


def check_row(row: Any, units: int, version: int = 1) -> None:
    """Check a row of the manifest of a release with ``units`` units. Raises as :func:`check_info`."""
    if version < 2:
        _check(row, _ROW_V1, _MAY_V1)
    else:
        _check(row, ROW, ROW_MAY)
    if row["unit"] >= units:
        raise ValueError(f"{row['path']}: unit")
    if version < 2 and "bytes" in row and "name" not in row:  # a restored file has a name
        raise ValueError(f"{row['path']}: name")
    if version >= 2 and "name" in row:  # names are sealed: no writer publishes one
        raise ValueError(f"{row['path']}: name")


_ROW_V1, _MAY_V1 = ROW | ROW_V1, ROW_MAY | ROW_MAY_V1  # made once: rows are many


def _check(value: Any, needed: dict[str, Check], may: dict[str, Check]) -> None:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    for key, check in needed.items():
        if key not in value or not check(value[key]):
            raise ValueError(key)
    for key, check in may.items():
        if key in value and not check(value[key]):
            raise ValueError(key)
