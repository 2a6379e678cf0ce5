"""One container, whatever the format of the release."""

from __future__ import annotations

import pytest
from platforms import Golden
from releases import RELEASES

from ripguard.errors import NotProtected
from ripguard.platform.deposits.packing import packed
from ripguard.release.index import MemoryIndex
from ripguard.store.container import slices


@pytest.mark.parametrize("name", RELEASES)
def test_every_format(name):  # type: ignore[no-untyped-def]
    golden = Golden(name)
    data = b"".join(golden.container())
    if golden.release.version >= 2:
        assert data == (golden.root / "release.ripguard").read_bytes()
    assert MemoryIndex.of_container(data).info == golden.release.info
    assert set(slices(data)) <= set(golden.release.files.names())


def test_no_release(tmp_path):  # type: ignore[no-untyped-def]
    with pytest.raises(NotProtected):
        list(packed(tmp_path))
