"""Limits of an upload and of the processes that decode it."""

from __future__ import annotations

from dataclasses import dataclass

from ripguard.platform.restoring.reasons import Reason, UploadRefused

MOST_STEPS = 1 << 22  # of an upload; a small image in a tar takes one to three


@dataclass(frozen=True)
class UploadLimits:
    """Limits of one upload.

    Attributes:
        total_bytes: of the upload as it arrives, and of what it expands to; also the quota of the temporary file.
        member_bytes: of one member, expanded.
        members: number of entries of an archive, folders and refused ones included.
        name_bytes: of a member's name.
        ratio: most expanded bytes for each byte that arrived, beyond ``free_bytes``. Protected images hold encrypted
            data and hardly shrink.
        free_bytes: expanded bytes that ``ratio`` does not apply to.
    """

    total_bytes: int = 4 << 30
    member_bytes: int = 256 << 20
    members: int = 100_000
    name_bytes: int = 1024
    ratio: int = 100
    free_bytes: int = 1 << 20

    def expands_too_much(self, compressed: int, expanded: int) -> bool:
        """Whether so many bytes are more than ``ratio`` allows."""
        return expanded > self.ratio * compressed + self.free_bytes


@dataclass
class Budget:
    """What an upload may cost, counted in steps: short pieces, short reads, entries. A clock would
    make it depend on the load of the server.

    Attributes:
        left: steps that are left.
    """

    left: int = MOST_STEPS

    def spend(self, steps: int = 1) -> None:
        """Count steps. Raises :class:`UploadRefused` where none are left."""
        self.left -= steps
        if self.left < 0:
            raise UploadRefused(
                "the upload takes too many steps: it arrives in tiny pieces, or holds too many tiny parts",
                "send larger pieces, or fewer files at once",
                Reason.STEPS,
            )


@dataclass(frozen=True)
class WorkerLimits:
    """Limits of a worker process.

    Attributes:
        memory: bytes of address space beyond what the process has when it is ready. Images of the greatest size
            take gigabytes under mRIT.
        seconds: processor time of one batch, and so of one image.
        patience: seconds until an answer, by the clock; for a process that waits and uses no processor time.
        batch_images, batch_bytes: most images and encoded bytes of one batch; a larger image is a batch of its own.
        answer_bytes: most restored bytes of one batch.
        upload_seconds: processor time of all batches of one upload.
        deaths: processes that one upload may end before it is refused.
    """

    memory: int = 4 << 30
    seconds: float = 120.0
    patience: float = 300.0
    upload_seconds: float = 3600.0
    batch_images: int = 64
    batch_bytes: int = 1 << 22
    answer_bytes: int = 1 << 30
    deaths: int = 16
