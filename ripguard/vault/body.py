"""The body of a vault beside its shards: the index, and ``SHA256SUMS`` with the digests of all files of the body."""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path

from ripguard.crypto.padding import padded_length
from ripguard.errors import Damaged
from ripguard.files import NotRegular, TooLarge, read_regular
from ripguard.store.atomic import sha256_file, write_file
from ripguard.vault.chunks import INDEX as PURPOSE
from ripguard.vault.chunks import cipher, seal_whole
from ripguard.vault.header import INDEX, SUMS, Header, shard_name
from ripguard.vault.heads import FRESH, INDEX_MAGIC, new_head
from ripguard.vault.index import TABLE, Files, Table, Unit
from ripguard.vault.keys import VaultKeys
from ripguard.vault.places import HEAD, sealed_size
from ripguard.vault.plan import Plan

LINE = re.compile(r"([0-9a-f]{64})  (\S+)")
MOST_SUMS = 1 << 26  # bytes


def write_body(tree: Path, plan: Plan, keys: VaultKeys, digests: list[str]) -> tuple[int, bytes]:
    """Write index and digests of a vault whose shards are written.

    Args:
        digests: hex SHA-256 of each shard.

    Returns:
        Sealed bytes of the table of units, and the bytes of ``SHA256SUMS``.
    """
    head, salt = new_head(INDEX_MAGIC, keys.vault_id, 0)
    rows = _rows_of_units(plan)
    # the length of the table depends on the starts in it, which depend on that length: zeros do not shorten them
    packed = [Files.of(own).pack() for own in rows]
    lengths = [sealed_size(len(one)) for one in packed]
    table_length = 0
    while True:
        table = _table(plan, lengths, [len(own) for own in rows], HEAD + table_length)
        if sealed_size(len(table)) <= table_length:
            table += b" " * (table_length - sealed_size(len(table)))
            break
        table_length = sealed_size(len(table))
    parts = [head, seal_whole(cipher(keys.secret, PURPOSE, keys.vault_id, 0, salt), TABLE, table)]
    for unit, one in enumerate(packed):
        own = cipher(keys.unit_secret(unit), PURPOSE, keys.vault_id, 0, salt)
        parts.append(seal_whole(own, unit, one))
    length = sum(map(len, parts))
    parts.append(secrets.token_bytes(padded_length(length) - length))
    write_file(tree / INDEX, parts)
    lines = [f"{sha256_file(tree / INDEX)}  {INDEX}\n"]
    lines += [f"{digest}  {shard_name(number)}\n" for number, digest in enumerate(digests)]
    sums = "".join(lines).encode()
    write_file(tree / SUMS, sums)
    return table_length, sums


def _rows_of_units(plan: Plan) -> list[list[tuple[int, int, int, int, str]]]:
    rows: list[list[tuple[int, int, int, int, str]]] = [[] for _ in plan.units]
    for number, unit in enumerate(plan.unit):
        rows[unit].append((number, plan.shard[number], plan.offset[number], plan.sizes[number], plan.names[number]))
    return rows


def _table(plan: Plan, lengths: list[int], files: list[int], start: int) -> bytes:
    units = list[Unit]()
    for (split, label), length, count in zip(plan.units, lengths, files):
        units.append(Unit(split, label, start, length, count))
        start += length
    return Table(plan.name, plan.only, len(plan.names), sum(plan.sizes), units).pack()


def read_sums(root: Path, header: Header) -> dict[str, str]:
    """Path → hex SHA-256 of every file of the body, as ``SHA256SUMS`` lists them.

    Raises:
        Damaged: the file is missing, or is not the one that the header names.
    """
    place = root / SUMS
    try:
        data = read_regular(place, MOST_SUMS)
    except FileNotFoundError:
        raise Damaged(f"{place} is missing", FRESH) from None
    except (NotRegular, TooLarge) as error:
        raise Damaged(f"{place}: {error.strerror}", FRESH) from None
    if hashlib.sha256(data).hexdigest() != header.sums:
        raise Damaged(f"{place} is not the one that the header names: it was changed, or is of another vault", FRESH)
    found = [LINE.fullmatch(line) for line in data.decode(errors="replace").splitlines()]
    sums = {line[2]: line[1] for line in found if line}
    fits = len(found) == header.shards + 1  # before names of as many shards as a stranger's header says are made
    if not fits or list(sums) != [INDEX, *map(shard_name, range(header.shards))] or not all(found):
        raise Damaged(f"{place} does not list the files of this vault", FRESH)
    return sums
