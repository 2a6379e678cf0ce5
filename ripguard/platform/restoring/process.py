"""The worker process: ``python -m ripguard.platform.restoring.process``. It decodes what strangers send.

It talks through descriptor 0 with :mod:`ripguard.platform.restoring.worker`. The first message names the release and
holds the keys, which are therefore in no argument and no variable. Then it loads all code that it may need, gives up
files, sockets and most memory, and answers batches until the other end is closed.
"""

from __future__ import annotations

import contextlib
import importlib
import pickle
import signal
import socket
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ripguard.crypto.aead import Forged, image_digest, open_sealed
from ripguard.crypto.keys import Key, KeyRing
from ripguard.damage import Altered
from ripguard.errors import (
    Damaged,
    InputRefused,
    MissingExtra,
    NeedsRelease,
    NotProtected,
    RipguardError,
    StorageError,
    WrongKey,
    as_refusal,
)
from ripguard.images.decoding import file_suffix, read_image
from ripguard.images.encoding import npy_bytes, png_bytes
from ripguard.images.formats import PLUGINS, DecoderMissing, decoders
from ripguard.images.reencoded import read_published, variants
from ripguard.memory import no_core_dumps
from ripguard.methods.registries import revealing_class
from ripguard.platform.restoring.held import held_release
from ripguard.platform.restoring.messages import Message, packed, received
from ripguard.platform.restoring.reasons import Reason
from ripguard.release.batches import in_batches, split
from ripguard.release.identify import OtherKey
from ripguard.release.manifest import Release
from ripguard.release.restorer import RestoredImage, Restorer
from ripguard.systems import confine, processor_time

# imported on first use by what decodes originals; files cannot be opened then
LATER = ("tifffile", "tifffile.tifffile", "imagecodecs", "pydicom.pixels", "pydicom.encaps")
MOST_REQUEST = 1 << 40  # bytes; the server is trusted
FOLDERS = 4  # around a release in an upload, whose names are tried without
REASONS: tuple[tuple[type[RipguardError], Reason], ...] = (
    (OtherKey, Reason.OTHER_DATASET),
    (WrongKey, Reason.NOT_GRANTED),
    (NeedsRelease, Reason.OTHER_DATASET),
    (DecoderMissing, Reason.UNREADABLE_HERE),
    (MissingExtra, Reason.UNREADABLE_HERE),
    (Altered, Reason.TAMPERED),
    (Damaged, Reason.TAMPERED),
    (NotProtected, Reason.NOT_PROTECTED),
    (InputRefused, Reason.NOT_AN_IMAGE),
)


def preload() -> None:
    """Import all that restoring may import later."""
    Image.init()
    revealing_class(-1)  # looks at every method
    with contextlib.suppress(Forged):
        open_sealed(bytes(64), b"nothing", bytes(32))
    Key(bytes(32)).dataset(bytes(8)).unit(0).image(0)
    for name in PLUGINS:
        with contextlib.suppress(RipguardError):
            decoders(name, "")
    for module in LATER:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    read_image(png_bytes(np.zeros((2, 2, 3), np.uint8)))


class Session:
    """One release and its keys.

    Args:
        release: the release, all files open.
        ring: keys of the release, or of a part.
        seconds: processor time of one batch.

    Raises:
        WrongKey, Damaged, SignatureInvalid: as :class:`Restorer`.
    """

    def __init__(self, release: Release, ring: KeyRing, seconds: float) -> None:
        self.release, self.ring, self.seconds = release, ring, seconds
        self.restorer = Restorer(ring, release)

    def answer(self, names: list[str], files: list[bytes]) -> list[bytes]:
        """The message with the results of a batch; the processor time is limited."""
        processor_time(self.seconds)
        began = time.process_time()
        try:
            results, parts = list[dict[str, Any]](), list[bytes]()
            lengths = in_batches(files, [""] * len(files), None)  # by samples: encoded sizes say little
            for some, data in zip(split(names, lengths), split(files, lengths)):
                for one in self._restored(some, data):
                    result, found = self._result(one)
                    results.append(result)
                    parts += [] if found is None else [found]
            return packed({"results": results, "seconds": time.process_time() - began}, parts)
        finally:
            processor_time(0)

    def samples(self, files: list[bytes]) -> list[bytes]:
        """The message with the digests of the samples of each image; none for what cannot be read."""
        processor_time(self.seconds)
        began = time.process_time()
        try:
            found = [_samples(data) for data in files]
            return packed({"found": found, "seconds": time.process_time() - began})
        finally:
            processor_time(0)

    def _restored(self, names: list[str], files: list[bytes]) -> list[RestoredImage]:
        """Restore by samples; by name where two images of the release look the same."""
        results = self.restorer.restore_each([""] * len(files), files, names)
        for number, one in enumerate(results):
            if one.error is not None and (place := self._place(names[number])):
                (again,) = self.restorer.restore_each([place], [files[number]], [names[number]])
                if again.error is None:
                    results[number] = again
        return results

    def _place(self, name: str) -> str:
        """The path in the release that a name in an upload may mean, "" for none."""
        parts = name.split("/")
        tries = ("/".join(parts[at:]) for at in range(min(len(parts), FOLDERS)))
        return next((one for one in tries if self.release.by_path(one) is not None), "")

    def _result(self, one: RestoredImage) -> tuple[dict[str, Any], bytes | None]:
        try:
            if one.error is not None:
                raise one.error
            source, unit = self._source(one)
            data = one.file[1] if one.file else self._encoded(one, source)
            found = {"suffix": _suffix_of(data), "home": one.home, "source": source, "unit": unit, "exact": one.exact}
            return found, data
        except RipguardError as error:
            return refusal(error), None

    def _source(self, one: RestoredImage) -> tuple[str, int]:
        """Path of the source file as ``ripguard restore`` names it, and number of the unit; "" and −1 if unknown."""
        row = one.row or (self.release.by_path(one.home) if one.home else None)
        if row is None or not one.home:
            return "", -1 if row is None else row["unit"]
        return self.release.source_path(row, self.restorer.prover or self.ring), row["unit"]

    @staticmethod
    def _encoded(one: RestoredImage, source: str) -> bytes:
        """A file of the clean samples, decoded again and compared before it leaves."""
        if one.clean is None:
            raise Damaged(f"{one.what}: restores to nothing")
        data = npy_bytes(one.clean) if source.lower().endswith(".npy") else png_bytes(one.clean)
        if not np.array_equal(read_image(data, one.what), one.clean):
            raise StorageError(f"{one.what}: it was encoded to another image", "report this as a defect")
        return data


def _samples(data: bytes) -> list[str]:
    with contextlib.suppress(RipguardError):
        return [image_digest(one).hex() for one in variants(read_published(data))]
    return []


def _suffix_of(data: bytes) -> str:
    with contextlib.suppress(InputRefused):
        return file_suffix(data)
    return ""


def refusal(error: RipguardError) -> dict[str, Any]:
    """A refusal as a part of an answer."""
    reason = next((reason for kind, reason in REASONS if isinstance(error, kind)), Reason.STORAGE)
    if reason is Reason.STORAGE and "out of memory" in error.message:
        reason = Reason.MEMORY
    return {"reason": reason, "message": error.message, "hint": error.hint}


class Channel:
    """Messages through one end of a pair of sockets.

    Args:
        handle: its descriptor.
    """

    def __init__(self, handle: int) -> None:
        self.socket = socket.socket(fileno=handle)

    def next(self) -> Message | None:
        """The next message; None at the end."""
        try:
            return received(self._exactly, MOST_REQUEST)
        except EOFError:
            return None

    def send(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def _exactly(self, size: int) -> bytearray:
        found = bytearray(size)
        left = memoryview(found)
        while left:
            if not (count := self.socket.recv_into(left)):
                raise EOFError
            left = left[count:]
        return found


def opened(message: Message) -> tuple[Session, int]:
    """The session that the first message asks for, and the bytes of memory for it. Raises as :class:`Session`."""
    head, (keys,) = message
    session = Session(held_release(Path(head["root"])), pickle.loads(keys), head["seconds"])
    return session, head["memory"]


def main() -> None:
    no_core_dumps()
    warnings.simplefilter("ignore")
    for one in (signal.SIGINT, signal.SIGTERM):  # meant for the server, which finishes its batches first
        signal.signal(one, signal.SIG_IGN)
    channel = Channel(0)
    first = channel.next()
    if first is None:
        return
    try:
        session, memory = opened(first)
        preload()
        confine(memory)
    except Exception as error:
        found = as_refusal(error)
        if found is None:
            raise
        channel.send(packed({"error": found.code, "message": found.message, "hint": found.hint}))
        return
    channel.send(packed({"ready": True}))
    del first
    while (message := channel.next()) is not None:
        head, files = message
        del message
        try:
            answer = session.samples(files) if "samples" in head else session.answer(head["names"], files)
        except MemoryError:
            answer = packed({"memory": True})
        del files
        channel.send(answer)
        del answer


if __name__ == "__main__":
    main()
