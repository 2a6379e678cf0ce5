"""Compare restored images with the manifest: each image once, at its path, and none missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from ripguard.errors import Damaged, RipguardError, VerifyFailed
from ripguard.release.identify import GIVE_NAME, LOOK_THE_SAME
from ripguard.release.locate import Selection
from ripguard.release.manifest import Release
from ripguard.release.names import too_long
from ripguard.release.restored import Outcome, Restored, refuse
from ripguard.release.spelling import same_folder


class SecondCopy(VerifyFailed):
    """A file holds an image of its own folder that was restored from another file. Nothing is lost without it."""


class Completeness:
    """State of each image of a release during a restoration.

    Args:
        selection: what is restored; the files that it refused already are not reported as missing.
        release: the release with the manifest.
        result: receives refused and moved files.
    """

    MISSING, REPORTED, RESTORED = range(3)

    def __init__(self, selection: Selection, release: Release, result: Restored) -> None:
        self.selection, self.release, self.result = selection, release, result
        self.state = bytearray(len(self.release.rows))
        for path in selection.reported:
            self._reported(path)

    def resolve(self, one: Outcome) -> None:
        """Record an image. One that was not selected, or was restored already, gets an error."""
        if one.error is None:
            one.error = self._why_not(one)
        if one.error and not one.wanted.stray:
            self._reported(one.wanted.inside)

    def _why_not(self, one: Outcome) -> RipguardError | None:
        file, number = one.wanted.file, self.release.rows.number(one.home) if one.home else None
        if one.alike:
            return VerifyFailed(f"{file}: {LOOK_THE_SAME}", GIVE_NAME)
        if number is None:
            return VerifyFailed(f"{file} is not in the manifest of the release", "move it out, or use --loose")
        if not one.wanted.place and not self.selection.wants(one.home):
            return VerifyFailed(f"{file} is {one.home} of the release, which was not selected", "select that instead")
        if self.state[number] == self.RESTORED:
            if same_folder(self.release, one.home, one.wanted.inside):
                return SecondCopy(f"{file} is a second copy of {one.home}")
            return VerifyFailed(f"{file} is a second copy of {one.home}", "move it out of the release")
        place = one.wanted.place or self.selection.place_of(one.home)
        if too_long(place):
            return Damaged(f"{file}: its name in the release is longer than file systems allow")
        self.state[number] = self.RESTORED
        if one.wanted.stray:
            self.result.moved.append((str(file), one.home))
            one.wanted, one.name = replace(one.wanted, place=place), one.name or PurePosixPath(place).name
        return None

    def _reported(self, path: str) -> None:
        if (number := self.release.rows.number(path)) is not None:
            self.state[number] = max(self.state[number], self.REPORTED)

    def refuse_missing(self) -> None:
        """Refuse each selected image of which no file was found."""
        if self.MISSING in self.state:
            for row, state in zip(self.release.rows, self.state):
                if state == self.MISSING and self.selection.wants_row(row):
                    gone = VerifyFailed(f"{row['path']} of the release is missing", "get a fresh copy of it")
                    refuse(self.result, str(self.release.root / row["path"]), gone)
