"""The files of a form, packed into one upload while they arrive: one file without a name, however many there are.

One zip or tar archive stays what it is. Images become a tar archive, under their names.
"""

from __future__ import annotations

import tarfile
import tempfile
from typing import IO

import anyio
from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException

from ripguard.damage import is_archive
from ripguard.errors import InputRefused
from ripguard.platform.http.state import State
from ripguard.platform.http.streams import HELD, TOO_LARGE, refuse_large
from ripguard.platform.restoring import tar
from ripguard.platform.restoring.upload import GZIP, SNIFFED, ZIPS, ZSTD
from ripguard.store.atomic import storage

FILES = "images"  # name of the fields with files
MOST_FIELD, MOST_FIELDS = 1000, 20  # bytes of another field, and number of them
MOST_HEADER, MOST_HEADERS = 4096, 8  # bytes of a header of a part, and number of them


class Packing:
    """Takes the body of a form, piece by piece.

    Args:
        content_type: header of the request.
        file: an empty file. It holds the upload after :meth:`end`.
        most: bytes of the upload.

    Attributes:
        fields: the other fields of the form.

    Raises:
        InputRefused: it is no form with files. Every method does.
        HTTPException: 413, too many bytes.
    """

    def __init__(self, content_type: str, file: IO[bytes], most: int) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not (boundary := options.get(b"boundary")):
            raise InputRefused("upload: expected a form with files", "choose images, or an archive of them")
        self.fields: dict[str, str] = {}
        self._file, self._most, self._size, self._count = file, most, 0, 0
        self._key, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._head: tarfile.TarInfo | None = None  # of the file that arrives
        self._at = self._start = 0  # places of its head and of its content
        self._field, self._text = "", bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": lambda data, start, end: self._grow(self._key, data[start:end]),
                "on_header_value": lambda data, start, end: self._grow(self._value, data[start:end]),
                "on_header_end": self._header,
                "on_headers_finished": self._begin,
                "on_part_data": lambda data, start, end: self._data(data[start:end]),
                "on_part_end": self._finish,
            },
        )

    def write(self, data: bytes) -> None:
        """The next piece of the body."""
        try:
            with storage("cannot write a temporary file"):
                self._parser.write(data)
        except MultipartParseError:
            raise InputRefused("upload: the form is damaged", "send it again") from None

    def end(self) -> None:
        """The body is at its end: the file stands at the start of the upload."""
        try:
            self._parser.finalize()
        except MultipartParseError:
            raise InputRefused("upload: the form is cut off", "send it again") from None
        if not self._count:
            raise InputRefused("upload: no file was chosen", "choose images, or an archive of them")
        with storage("cannot write a temporary file"):
            if self._count == 1 and self._archive():
                self._file.truncate(self._start + self._size)
                self._file.seek(self._start)
                return
            self._file.write(bytes(2 * tarfile.BLOCKSIZE))
            self._file.seek(0)

    def _grow(self, text: bytearray, data: bytes) -> None:
        text += data
        if len(text) > MOST_HEADER or len(self._headers) > MOST_HEADERS:
            raise InputRefused("upload: a name is too long", "shorten the names of the files")

    def _header(self) -> None:
        self._headers[bytes(self._key).lower()] = bytes(self._value)
        self._key.clear()
        self._value.clear()

    def _begin(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._field, self._head = options.get(b"name", b"").decode("utf-8", "replace"), None
        self._text.clear()
        if b"filename" not in options:
            return
        self._head = tarfile.TarInfo(options[b"filename"].decode("utf-8", "surrogateescape"))
        self._at = self._file.tell()
        self._file.write(_bytes(self._head))
        self._start, self._size = self._file.tell(), 0
        self._data(b"")  # heads count, too

    def _data(self, data: bytes) -> None:
        if self._head is None:
            self._text += data
            if len(self._text) > MOST_FIELD or len(self.fields) > MOST_FIELDS:
                raise InputRefused("upload: the form has more fields than the page", "open the page again")
            return
        self._size += len(data)
        if self._start + self._size > self._most:
            raise HTTPException(413, TOO_LARGE)
        self._file.write(data)

    def _finish(self) -> None:
        if self._head is None:
            self.fields[self._field] = self._text.decode("utf-8", "replace")
            return
        if self._field != FILES or not (self._head.name or self._size):  # a browser sends this where none was chosen
            self._file.seek(self._at)
            self._file.truncate()
            return
        self._count += 1
        self._head.size = self._size  # below 8 GiB it changes no other byte of the head
        self._file.seek(self._at)
        self._file.write(_bytes(self._head))
        self._file.seek(0, 2)
        self._file.write(bytes(-self._size % tarfile.BLOCKSIZE))

    def _archive(self) -> bool:
        """Whether the only file is an archive."""
        self._file.seek(self._start)
        start = self._file.read(min(SNIFFED, self._size))
        self._file.seek(0, 2)
        return start.startswith((*ZIPS, GZIP, ZSTD)) or tar.is_tar(start) or is_archive(start)


async def packed(request: Request, state: State, most: int) -> tuple[IO[bytes], dict[str, str]]:
    """The upload in the form of a request, in a file without a name, where it starts, and the other fields.

    The caller closes the file. Raises as :class:`Packing`, and :class:`StorageError`.
    """
    refuse_large(request, most)
    with storage("cannot write a temporary file"):
        file: IO[bytes] = tempfile.TemporaryFile(dir=state.folder)  # noqa: SIM115 - closed below, or by the caller
    try:
        packing, held = Packing(request.headers.get("content-type", ""), file, most), bytearray()
        async for piece in request.stream():
            held += piece
            if len(held) >= HELD:
                await anyio.to_thread.run_sync(packing.write, bytes(held))
                held.clear()
        await anyio.to_thread.run_sync(packing.write, bytes(held))
        await anyio.to_thread.run_sync(packing.end)
    except BaseException:
        file.close()
        raise
    return file, packing.fields


def _bytes(head: tarfile.TarInfo) -> bytes:
    return head.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
