"""Find folders that a release does not have, and that loaders take for classes although no image is in them.

torchvision's ``ImageFolder`` with ``allow_empty=True``, and Ultralytics with it, number every folder: an empty folder
shifts the numbers of the classes behind it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ripguard.data.scan import LITTER_FOLDERS


def stray_folders(folders: Iterable[str], files: Iterable[str]) -> list[str]:
    """Folders beside those of the release in which none of its files lies, with a slash at their ends, sorted.

    Args:
        folders: paths on disk of all folders below the root. Those of operating systems and servers are left out.
        files: paths of files that make a folder one of the release, or that are reported themselves.
    """
    own = {""}
    for file in files:
        folder = file.rpartition("/")[0]
        while folder not in own:
            own.add(folder)
            folder = folder.rpartition("/")[0]
    beside = {folder.rpartition("/")[0] for folder in own if folder}
    return sorted(
        f"{folder}/"
        for folder in folders
        if folder not in own
        and folder.rpartition("/")[0] in beside
        and not LITTER_FOLDERS.fullmatch(folder.rpartition("/")[2])
    )
