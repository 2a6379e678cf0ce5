"""Read a vault: any file, any part of a file, in any order, from several threads and processes.

Each read opens only the chunks that it needs, and returns bytes only after their tags were verified.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ripguard import systems
from ripguard.crypto.backend import TAG, Gcm
from ripguard.errors import Damaged, InputRefused, StorageError, UsageError, WrongKey, shown
from ripguard.files import NotRegular, open_regular
from ripguard.store.atomic import sha256_file, storage
from ripguard.store.section import Section
from ripguard.vault.body import read_sums
from ripguard.vault.chunks import FILES, ChunkForged, cipher, open_chunks, open_single, open_whole
from ripguard.vault.chunks import INDEX as PURPOSE
from ripguard.vault.header import INDEX, SUMS, check_pin, open_header, shard_name
from ripguard.vault.heads import FRESH, INDEX_MAGIC, SHARD_MAGIC, salt_of
from ripguard.vault.index import TABLE, Entry, Files, Table, Unit
from ripguard.vault.keys import UnitKey, VaultKeys, unit_name
from ripguard.vault.opening import Opener, as_opener
from ripguard.vault.places import CHUNK, HEAD, SEALED, Run, chunks_of, place_of, runs

MOST_INDEX = 1 << 40  # bytes
MOST_OPEN = 256  # shards that stay open; others are opened for each read
MOST_CIPHERS = 1 << 14
AT_ONCE = 16 * SEALED  # bytes that are read at once


class Vault:
    """An encrypted dataset, opened for reading. Close it, or use it as a context manager.

    It can be used in several threads and after a fork. It cannot be pickled: open it again instead.

    Args:
        root: the folder.
        key: path of a key file, a :class:`ripguard.crypto.keys.Key`, :class:`ripguard.vault.AgeIdentities`,
            :class:`ripguard.vault.Passphrase`, or what :meth:`unit_key` returned.
        expect: ``DIGEST`` or ``DIGEST@EPOCH`` that the vault must have; the index is compared with it, too.

    Attributes:
        header: see :class:`ripguard.vault.header.Header`.
        access: the keys: of the whole vault, or of one unit.
        table: the table of units; None with the key of one unit.
        units: the units that the key opens, by number: (split, label).

    Raises:
        NotProtected: there is no vault.
        WrongKey, KeyFileError: the key does not open it.
        Damaged: header, digests or index were changed.
        VerifyFailed: it is not the expected vault.
    """

    def __init__(self, root: str | Path, key: Opener | str | Path, expect: str | None = None) -> None:
        self._handles, self._salts, self._ciphers = dict[int, int](), dict[int, bytes](), dict[tuple[int, int], Gcm]()
        self.root = Path(os.path.abspath(root))
        self.header, self.access = open_header(self.root, as_opener(key))
        check_pin(self.root, self.header, expect)
        sums = read_sums(self.root, self.header)
        if expect is not None:
            self._check_index(sums[INDEX])
        self._index = Section(self.root / INDEX)
        self._salt = salt_of(self._piece(0, HEAD), INDEX_MAGIC, self.header.id, 0, str(self.root / INDEX))
        self.table: Table | None = None
        own: dict[int, Unit]
        if isinstance(self.access, UnitKey):
            one = self.access
            own = {one.unit: Unit(one.split, one.label, one.start, one.length, 0)}
        else:
            self.table = self._read_table(self.access)
            own = dict(enumerate(self.table.units))
        self.units = {number: (unit.split, unit.label) for number, unit in own.items()}
        self._units, self._files = own, dict[int, Files]()

    @property
    def name(self) -> str:
        """Of the source; that of the folder with the key of one unit."""
        return self.table.name if self.table else self.root.name

    def files(self, unit: int) -> Files:
        """The files of a unit. Raises :class:`Damaged`, :class:`WrongKey`."""
        if unit not in self._files:
            secret, about = self.access.unit_secret(unit), self._units[unit]
            sealed, own = self._piece(about.start, about.length), self._index_cipher(secret)
            what = f"{self.root / INDEX}: the index of {unit_name(about.split, about.label)}"
            try:
                found = Files.parse(open_whole(own, unit, sealed))
                found.check_places(self.header.capacity, self.header.shards)
            except ChunkForged:
                raise Damaged(f"{what} was changed", FRESH) from None
            except ValueError as error:
                raise Damaged(f"{what} is not valid: {error}", "ask the owner for another vault") from None
            self._files[unit] = found
        return self._files[unit]

    def entries(self, unit: int) -> Iterator[Entry]:
        """All files of a unit, sorted by path."""
        return (self.entry(unit, row) for row in range(len(self.files(unit))))

    def entry(self, unit: int, row: int) -> Entry:
        """One file of a unit, by its row."""
        files = self.files(unit)
        return Entry(files.name(row), files.number[row], unit, files.size[row], files.shard[row], files.offset[row])

    def find(self, path: str) -> Entry:
        """The file at a path. Raises :class:`InputRefused` if there is none that the key opens."""
        for unit in self.units:
            if (row := self.files(unit).find(path)) is not None:
                return self.entry(unit, row)
        raise InputRefused(f"{shown(path)}: the vault has no such file, or this key does not open it")

    def read(self, file: Entry | str) -> bytes:
        """All bytes of a file. Raises :class:`Damaged`, :class:`StorageError`."""
        one = self.find(file) if isinstance(file, str) else file
        if one.size <= CHUNK:
            sealed = self._sealed(one.shard, one.offset, one.size + TAG, one)
            try:
                return open_single(self._cipher(one.unit, one.shard), one.number, one.size, sealed)
            except ChunkForged:
                raise _forged(one, 0, one.shard) from None
        return b"".join(self.pieces(one))

    def pieces(self, file: Entry) -> Iterator[bytes]:
        """The bytes of a file in chunks: memory stays small for a file of any size. Raises as :meth:`read`."""
        place = file.size, file.shard, file.offset, self.header.capacity
        for run in runs(*place):
            for start in range(0, run.length, AT_ONCE):
                sealed = self._sealed(run.shard, run.offset + start, min(AT_ONCE, run.length - start), file)
                first = run.first + start // SEALED
                yield from self._opened(file, Run(run.shard, run.offset + start, first, 0, 0), sealed)

    def read_range(self, file: Entry | str, start: int, length: int) -> bytes:
        """A part of a file, fewer bytes only at its end. Opens the chunks of that part alone.

        Raises:
            UsageError: a negative start or length.
            Damaged, StorageError: see :meth:`read`.
        """
        one = self.find(file) if isinstance(file, str) else file
        if start < 0 or length < 0:
            raise UsageError(f"a part of a file: expected start and length of 0 or more, got {start} and {length}")
        stop = min(start + length, one.size)
        if start >= stop:
            return b""
        found = bytearray()
        for chunk in range(start // CHUNK, (stop - 1) // CHUNK + 1):
            found += self.chunk(one, chunk)
        return bytes(found[start % CHUNK : start % CHUNK + stop - start])

    def chunk(self, file: Entry, chunk: int) -> bytes:
        """One chunk of a file, by its number. Raises as :meth:`read`; :class:`UsageError`: there is no such chunk."""
        if not 0 <= chunk < chunks_of(file.size):
            raise UsageError(f"{shown(file.path)} has {chunks_of(file.size)} chunks, and no chunk {chunk}")
        shard, offset = place_of(chunk, file.size, file.shard, file.offset, self.header.capacity)
        sealed = self._sealed(shard, offset, min(CHUNK, file.size - chunk * CHUNK) + TAG, file)
        return next(self._opened(file, Run(shard, offset, chunk, 1, len(sealed)), sealed))

    def unit_key(self, name: str) -> UnitKey:
        """The key of one unit, such as ``train/cat``. Keep it as secret as other keys.

        Raises:
            InputRefused: there is no such unit.
            WrongKey: these keys are those of another unit.
        """
        number = unit_number(self, name)
        one = self._units[number]
        secret = self.access.unit_secret(number)
        return UnitKey(secret, self.header.id, number, one.split, one.label, one.start, one.length)

    def close(self) -> None:
        """Close the shards."""
        while self._handles:
            os.close(self._handles.popitem()[1])

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __getstate__(self) -> None:
        raise TypeError("a vault cannot be pickled, because it holds keys: open it again")

    def __repr__(self) -> str:
        return f"Vault({str(self.root)!r}, {len(self.units)} units, key hidden)"

    # --- parts --------------------------------------------------------------------------------------------------------

    def _check_index(self, digest: str) -> None:
        """The index has the keys of all shards' files: with its digest, a pinned vault is that one, for any key."""
        if sha256_file(self.root / INDEX) != digest:
            raise Damaged(f"{self.root / INDEX} is not the one that {SUMS} lists", FRESH)

    def _read_table(self, keys: VaultKeys) -> Table:
        what = f"{self.root / INDEX}: the table of units"
        try:
            return Table.parse(open_whole(self._index_cipher(keys.secret), TABLE, self._piece(HEAD, self.header.table)))
        except ChunkForged:
            raise Damaged(f"{what} was changed", FRESH) from None
        except ValueError as error:
            raise Damaged(f"{what} is not valid: {error}", "ask the owner for another vault") from None

    def _index_cipher(self, secret: bytes) -> Gcm:
        return cipher(secret, PURPOSE, self.header.id, 0, self._salt)

    def _piece(self, start: int, length: int) -> bytes:
        place = self.root / INDEX
        try:
            with storage("cannot read"):
                data = b"".join(Section(place, start, length).pieces(MOST_INDEX))
        except StorageError:
            if not place.exists():
                raise Damaged(f"{place} is missing", FRESH) from None
            raise
        if len(data) < length:
            raise Damaged(f"{place} was cut off", FRESH)
        return data

    def _opened(self, file: Entry, run: Run, sealed: bytes) -> Iterator[bytes]:
        try:
            yield from open_chunks(self._cipher(file.unit, run.shard), file.number, run.first, file.size, sealed)
        except ChunkForged as forged:
            raise _forged(file, forged.args[0], run.shard) from None

    def _cipher(self, unit: int, shard: int) -> Gcm:
        found = self._ciphers.get((unit, shard))
        if found is None:
            if len(self._ciphers) >= MOST_CIPHERS:
                self._ciphers.clear()
            found = cipher(self.access.unit_secret(unit), FILES, self.header.id, shard, self._salts[shard])
            self._ciphers[unit, shard] = found
        return found

    def _sealed(self, shard: int, offset: int, length: int, file: Entry) -> bytes:
        """Sealed bytes of a file. The salt of the shard is known afterwards."""
        handle = self._handles.get(shard)
        if handle is not None:
            data = systems.read_at(handle, length, offset)
        else:
            handle = self._open(shard)
            try:
                data = systems.read_at(handle, length, offset)
            finally:
                if len(self._handles) < MOST_OPEN:
                    other = self._handles.setdefault(shard, handle)  # another thread may have been faster
                    handle = -1 if other == handle else handle
                if handle >= 0:
                    os.close(handle)
        if len(data) < length:
            raise Damaged(f"{shown(file.path)}: {shard_name(shard)} was cut off", FRESH)
        return data

    def _open(self, shard: int) -> int:
        name, place = shard_name(shard), self.root / shard_name(shard)
        if shard >= self.header.shards:
            raise Damaged(f"the index names shard {shard}, and the vault has {self.header.shards}", FRESH)
        try:
            handle = open_regular(place)
        except FileNotFoundError:
            raise Damaged(f"{name} is missing", FRESH) from None
        except NotRegular as error:
            raise Damaged(f"{name}: {error.strerror}", FRESH) from None
        except OSError as error:
            raise StorageError(f"cannot read {place}: {error.strerror}", "check its permissions") from None
        try:
            if shard not in self._salts:
                head = systems.read_at(handle, HEAD, 0)
                self._salts[shard] = salt_of(head, SHARD_MAGIC, self.header.id, shard, name)
        except BaseException:
            os.close(handle)
            raise
        return handle


def _forged(file: Entry, chunk: int, shard: int) -> Damaged:
    return Damaged(f"{shown(file.path)}: chunk {chunk} in {shard_name(shard)} was changed", FRESH)


def unit_number(vault: Vault, name: str) -> int:
    """Number of a unit by its name. Raises :class:`InputRefused`."""
    for number, (split, label) in vault.units.items():
        if name.strip("/") == unit_name(split, label).strip("/"):
            return number
    if isinstance(vault.access, UnitKey):
        raise WrongKey(
            f"wrong key: it opens unit {shown(vault.access.name)} of the vault alone, not {shown(name)}",
            "ask the owner for the key of that unit, or of the whole vault",
        )
    known = ", ".join(shown(unit_name(*one)) for one in list(vault.units.values())[:10])
    raise InputRefused(f"{shown(name)}: the vault has no such unit", f"its units are: {known}")
