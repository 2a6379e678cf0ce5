"""Signatures: public keys that everything would be signed with are refused."""

from __future__ import annotations

import secrets

import pytest
from Crypto.PublicKey import ECC

from ripguard.crypto.signing import FIELD, SMALL, SigningKey, check
from ripguard.errors import SignatureInvalid

# the encodings of points of order 1, 2, 4 and 8 that are known from libsodium's list and from Chalkias et al. 2020
SMALL_ORDER = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
)
NOBODYS = bytes.fromhex(SMALL_ORDER[0]) + bytes(32)  # R the neutral point, S = 0: fits where the key adds nothing


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_points_of_small_order_are_no_keys(point):
    """No message is signed with them; at least one of these signatures would fit each message otherwise."""
    for number in range(16):
        with pytest.raises(SignatureInvalid, match="not a valid one"):
            check(bytes.fromhex(point), b"release %d" % number, NOBODYS)


def test_the_list_is_all_of_them():
    """The curve has eight points whose order divides 8, five values of y among them: those of the multiples of one."""
    torsion = ECC.construct(curve="Ed25519", **_point(min(SMALL - {0, 1, FIELD - 1}))).pointQ
    found = {int(multiple.y) for multiple in (torsion * k for k in range(1, 9)) if not multiple.is_point_at_infinity()}
    assert found | {1} == SMALL  # 1: the neutral point


def _point(y: int) -> dict[str, int]:
    """Coordinates from y: x² = (y² − 1) / (d·y² + 1)."""
    d = -121665 * pow(121666, -1, FIELD) % FIELD
    square = (y * y - 1) * pow(d * y * y + 1, -1, FIELD) % FIELD
    x = pow(square, (FIELD + 3) // 8, FIELD)
    if x * x % FIELD != square:
        x = x * pow(2, (FIELD - 1) // 4, FIELD) % FIELD
    return {"point_x": x, "point_y": y}


def test_real_keys_still_fit():
    """200 random keys."""
    for _ in range(200):
        key, message = SigningKey(secrets.token_bytes(32)), secrets.token_bytes(20)
        check(key.public, message, key.sign(message))


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(57), bytes([0xF0]) + b"\xff" * 30 + b"\x7f"])
def test_other_spellings_are_refused(public):
    """Of another length (57 bytes would be Ed448), or of a number that is not reduced."""
    with pytest.raises(SignatureInvalid):
        check(public, b"release", bytes(64))
