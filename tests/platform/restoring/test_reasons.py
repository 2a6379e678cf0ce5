"""Reasons are stable words, and errors pass between processes whole."""

from __future__ import annotations

import pickle

from ripguard.platform.restoring.reasons import Reason, Refused, UploadRefused


def test_an_error_keeps_its_reason():
    error = pickle.loads(pickle.dumps(UploadRefused("a", "b", Reason.TOO_MUCH)))
    assert (error.message, error.hint, error.reason, error.exit_code) == ("a", "b", Reason.TOO_MUCH, 3)


def test_words():
    """Each reason is a word of its own, and only what is no image is harmless."""
    assert all(reason.replace("-", "").isalpha() for reason in Reason)
    harmless = [reason for reason in Reason if Refused("x", reason, "x: why").harmless]
    assert harmless == [Reason.LEFT_OUT]
