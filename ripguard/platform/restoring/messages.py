"""Messages between the server and a worker process: a JSON object and any number of byte strings.

The worker decodes what strangers send, so nothing that comes from it is unpickled, and lengths are limited before
memory is taken for them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

LENGTHS = struct.Struct(">IQ")  # bytes of the JSON object, bytes of all others together
MOST_HEAD = 1 << 22  # bytes of the JSON object

Message = tuple[dict[str, Any], list[bytes]]


class Broken(Exception):
    """What arrived is no message, or is larger than allowed."""


def packed(head: dict[str, Any], parts: Sequence[bytes] = ()) -> list[bytes]:
    """The bytes of a message, in pieces."""
    text = json.dumps(head | {"lengths": [len(part) for part in parts]}).encode()
    return [LENGTHS.pack(len(text), sum(map(len, parts))) + text, *parts]


def received(read: Callable[[int], bytes | bytearray], at_most: int) -> Message:
    """The next message.

    Args:
        read: gives exactly as many bytes as it is called with.
        at_most: most bytes of all parts together.

    Raises:
        Broken: not a message, or too large.
    """
    length, rest = LENGTHS.unpack(read(LENGTHS.size))
    if length > MOST_HEAD or rest > at_most:
        raise Broken("a message is too large")
    try:
        head = json.loads(bytes(read(length)))
        lengths = head.pop("lengths")
        good = all(type(one) is int and one >= 0 for one in lengths) and sum(lengths) == rest
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good = False
    if not good:
        raise Broken("not a message")
    return head, [bytes(read(one)) for one in lengths]
