"""Provenance of measurements."""

from __future__ import annotations

from ripguard.benchmark.record import environment


def test_a_measurement_has_a_place_and_a_time():
    found = environment()
    assert {"date", "commit", "hardware", "versions"} == set(found)
    assert {"cpu", "cores", "gpu"} == set(found["hardware"])
