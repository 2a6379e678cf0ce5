"""Encryption of Parquet files by PyArrow (Parquet modular encryption, AES-GCM), footer and all columns.

Each file has a random key of its own. PyArrow wraps it, and stores it in the file; :class:`Client` encrypts the last
wrap by AES-256-SIV under a key that HKDF-SHA-256 derives from the key file. ``docs/reference/formats.md`` has the few
lines that read such a file with PyArrow alone.
"""

from __future__ import annotations

import base64
from typing import Any

from ripguard.crypto.backend import Forged, hkdf, siv_open, siv_seal
from ripguard.crypto.keys import Key
from ripguard.errors import WrongKey

SALT, INFO, PURPOSE = b"ripguard/parquet 1", b"key of keys", b"ripguard/parquet 1 wrapped key"
MASTER = "ripguard"  # name of the master key in the files
BITS = 256  # of the key of a file


def wrapping_key(key: Key) -> bytes:
    """64 bytes: the AES-256-SIV key that wraps the keys of files."""
    return hkdf(key.secret, SALT, INFO, 64)


def encryption(key: Key) -> Any:
    """Properties for :class:`pyarrow.parquet.ParquetWriter`; new ones for each file."""
    from pyarrow.parquet import encryption as library

    config = library.EncryptionConfiguration(
        footer_key=MASTER, uniform_encryption=True, plaintext_footer=False, data_key_length_bits=BITS
    )
    return _factory(key).file_encryption_properties(library.KmsConnectionConfig(), config)


def decryption(key: Key) -> Any:
    """Properties for :class:`pyarrow.parquet.ParquetFile`. Reading raises :class:`WrongKey` for another key."""
    from pyarrow.parquet import encryption as library

    return _factory(key).file_decryption_properties(library.KmsConnectionConfig())


def _factory(key: Key) -> Any:
    from pyarrow.parquet import encryption as library

    secret = wrapping_key(key)

    class Client(library.KmsClient):
        """Wraps keys in this process, as PyArrow asks for it."""

        def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
            return base64.b64encode(siv_seal(secret, PURPOSE, key_bytes))

        def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
            try:
                return siv_open(secret, PURPOSE, base64.b64decode(wrapped_key))
            except Forged:
                raise WrongKey("this key does not open the Parquet file", "use the key that encrypted it") from None

    return library.CryptoFactory(lambda config: Client())
