"""Refusals of the platform: each has a row on the page of exit codes, and travels between processes."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path

from ripguard import errors as common
from ripguard.platform import errors

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "exit-codes.md"
OWN = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, common.RipguardError)]


def test_listed():
    page = PAGE.read_text()
    assert all(f"| {one.exit_code} | `{one.code}` |" in page for one in OWN)


def test_codes_are_their_own():
    others = {one.exit_code: one.code for one in vars(common).values() if inspect.isclass(one) and hasattr(one, "code")}
    assert all(others.get(one.exit_code, one.code) == one.code for one in OWN)
    assert {14, 15, 16} <= {one.exit_code for one in OWN}


def test_travel_between_processes():
    there = pickle.loads(pickle.dumps(errors.LimitReached("too many", "wait", 7)))
    assert (there.message, there.hint, there.retry_after) == ("too many", "wait", 7)
    assert type(pickle.loads(pickle.dumps(errors.Absent.of("dataset")))) is errors.Absent
