"""JSON, XML, YAML and CSV of strangers: bounded in size and depth, without entities and aliases. Errors are sentences.

Every function raises :class:`Unreadable`, and no other error, for content that it does not accept.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ripguard.files import read_regular
from ripguard.store.schema import HALVES

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MOST_JSON = 1 << 30  # bytes; the instances of COCO's training images take 450 MB
MOST_TEXT = 1 << 24  # bytes of an XML file, a YAML file or a label file
DEEPEST = 40  # nesting
LARGEST = 1 << 31  # of a number that is a coordinate


class Unreadable(ValueError):
    """The content cannot be read; the message is a clause."""


def load(path: Path, most: int = MOST_TEXT) -> str:
    """A UTF-8 text file; a byte order mark is skipped."""
    try:
        return read_regular(path, most, follow=True).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 text at byte {error.start:,}") from None
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be read") from None


def json_of(text: str) -> Any:
    """The value of a JSON text; not ``NaN``, which JSON does not have."""
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except ValueError as error:
        raise error if isinstance(error, Unreadable) else Unreadable(f"not JSON: {str(error)[:80]}") from None
    _check_depth(value)
    return value


def _no_number(name: str) -> NoReturn:
    raise Unreadable(f"{name[:40]} is no number that can be kept")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    raise Unreadable("nested too deeply")


def yaml_of(text: str) -> tuple[Any, Any]:
    """The value of a YAML text, with its types, and with every scalar as text: ``no`` is a name of a class, too."""
    import yaml

    fast = yaml.__with_libyaml__  # many times as fast, and in most builds
    typed, plain = (yaml.CSafeLoader, yaml.CBaseLoader) if fast else (yaml.SafeLoader, yaml.BaseLoader)
    try:
        _check_events(yaml.parse(text, plain))
        return yaml.load(text, typed), yaml.load(text, plain)
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Unreadable(f"not YAML: {error.problem or error.context}{where}") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, AttributeError) as error:
        raise error if isinstance(error, Unreadable) else Unreadable(f"not YAML: {str(error)[:80]}") from None


def _check_events(events: Iterable[Any]) -> None:
    """Refuse depth, and aliases: a few of them nested stand for billions of values. Nothing is built for that."""
    import yaml

    depth = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise Unreadable("it has aliases, which are not read")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise Unreadable("nested too deeply")


def json_like(value: Any, text: Any) -> Any:
    """The values of :func:`yaml_of` as JSON has them: dates, bytes, NaN and keys of other kinds stay as their text."""
    if isinstance(value, dict) and isinstance(text, dict) and len(value) == len(text):
        return {key: json_like(one, text[key]) for key, one in zip(text, value.values())}
    if isinstance(value, list) and isinstance(text, list) and len(value) == len(text):
        return [json_like(*pair) for pair in zip(value, text)]
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return text


def xml_of(text: str) -> Element:
    """The root of an XML text, without a document type and entities."""
    import defusedxml
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        found: Element = fromstring(text, forbid_dtd=True)
    except ParseError as error:
        line, column = error.position
        raise Unreadable(f"not XML: line {line}, column {column + 1}") from None
    except defusedxml.DefusedXmlException:
        raise Unreadable("it has a document type or entities, which are not read") from None
    except (ValueError, LookupError):
        raise Unreadable("not XML") from None
    level = [found]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in one]
        if not level:
            return found
    raise Unreadable("nested too deeply")


def csv_of(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, cell by column) of each row. Raises :class:`Unreadable` while it is iterated over, too."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if len(set(header)) != len(header):
            raise Unreadable("two columns have one name")
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise Unreadable(f"line {reader.line_num} has {len(row)} fields, the header {len(header)}")
            yield reader.line_num, dict(zip(header, row))
    except csv.Error as error:
        raise Unreadable(f"not CSV: line {reader.line_num}: {error}") from None


def number(value: Any) -> float | None:
    """A finite number of JSON within the range of coordinates as float64, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -LARGEST <= value <= LARGEST else None  # comparing is exact; NaN fails


def numbers(value: Any) -> tuple[float, ...] | None:
    """A list of such numbers, None for anything else."""
    if not isinstance(value, list | tuple):
        return None
    found = [number(one) for one in value]
    return None if None in found else tuple(one for one in found if one is not None)


def decimal_number(text: str) -> float | None:
    """A number in text, None for anything else. Digits of other scripts and underscores are no numbers."""
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return None
    return number(value)


def plain(value: float) -> int | float:
    """A number as JSON writes it: without ``.0``."""
    return int(value) if float(value).is_integer() else value


def name_of(value: Any) -> str | None:
    """A name: text that is not empty, printable, without lone surrogates; None for anything else."""
    if not isinstance(value, str) or not value.strip() or HALVES.search(value) or not value.isprintable():
        return None
    return value
