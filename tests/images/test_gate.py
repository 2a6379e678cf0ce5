"""What the gate sets in the process while decoders run, and that it is as before afterwards."""

from __future__ import annotations

import logging
import threading
import warnings

import pytest
from corpus import photo, saved
from PIL import Image

from ripguard.errors import InputRefused
from ripguard.images.gate import held, opened

LOG = logging.getLogger("PIL.TiffImagePlugin")


def settings() -> tuple[object, ...]:
    return Image.MAX_IMAGE_PIXELS, LOG.disabled, list(warnings.filters)


def test_settings_are_as_before_after_images_and_errors(monkeypatch):  # type: ignore[no-untyped-def]
    """Nested, after a refusal and after an error of the caller."""
    monkeypatch.setenv("RIPGUARD_MAX_PIXELS", "400000000")
    before, data = settings(), saved(photo(), "PNG")
    with held():
        with held(), opened(data, "one") as image:
            image.load()
        inside = settings()
        assert inside[:2] == (400_000_000, True)
        with pytest.raises(InputRefused, match="two: not a readable"), opened(data[:60], "two") as image:
            image.load()
        assert settings() == inside
    assert settings() == before
    with pytest.raises(KeyError), held():
        raise KeyError
    assert settings() == before
    with opened(data, "three"):
        assert settings()[:2] == (400_000_000, True)
    assert settings() == before


def test_held_settings_leave_every_limit_and_error(monkeypatch):  # type: ignore[no-untyped-def]
    """Each image passes its own gate: it is refused by its name, and the next is read."""
    data = saved(photo(), "PNG")
    with held():
        with pytest.raises(InputRefused, match="a: expected an image of 3×2"), opened(data, "a", expected=(2, 3)):
            pass
        with opened(data, "b") as image:
            assert image.size == Image.fromarray(photo()).size
        monkeypatch.setenv("RIPGUARD_MAX_PIXELS", "10")
        with pytest.raises(InputRefused, match="c: more than 10 pixels"), opened(data, "c"):
            pass


def test_another_thread_sets_its_own():
    """A thread that reads one image while another holds the settings leaves them as they were."""
    before, data, seen = settings(), saved(photo(), "PNG"), list[object]()

    def read() -> None:
        with opened(data, "other") as image:
            seen.append(image.size)

    with held():
        inside = settings()
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
        assert seen
        assert settings()[:2] == inside[:2]
    assert settings() == before
