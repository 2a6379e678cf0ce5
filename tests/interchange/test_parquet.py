"""Parquet: files of Hugging Face, files of others, and encrypted ones that PyArrow reads with its own means."""

from __future__ import annotations

import base64
import io
import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import crop, good, refused
from interchange_data import sample
from PIL import Image

from ripguard import api
from ripguard.crypto.keys import Key
from ripguard.errors import InputRefused
from ripguard.images.encoding import png_bytes
from ripguard.interchange import parquet_reading
from ripguard.interchange.model import Annotated, Object
from ripguard.interchange.parquet import Parquet
from ripguard.interchange.parquet_encryption import decryption, wrapping_key

DATA = Annotated(("cat", "dog"), (
    sample("a.png", 0, split="train", labels=("dog",), objects=(Object("cat", (1.5, 2, 3, 4)),)),
    sample("b.png", 1, split="train", captions=("a dog",)),
))  # fmt: skip


def test_columns_are_those_of_hugging_face(tmp_path):  # type: ignore[no-untyped-def]
    assert Parquet().write(DATA, tmp_path / "out") == []
    table = pq.read_table(tmp_path / "out/data/train-00000-of-00001.parquet")
    assert table.column_names == ["image", "label", "text", "objects"]
    assert table["label"].to_pylist() == [1, None]
    assert table["objects"][0].as_py() == {"bbox": [[1.5, 2, 3, 4]], "category": [0]}
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["label"] == {"names": ["cat", "dog"], "_type": "ClassLabel"}


def test_images_are_read_where_they_are_used(tmp_path):  # type: ignore[no-untyped-def]
    """Also in another process."""
    Parquet().write(DATA, tmp_path / "out")
    found = Parquet().read(tmp_path / "out").dataset
    assert pickle.loads(pickle.dumps(found.samples[1].media)).read() == DATA.samples[1].media.read()


def test_files_of_others(tmp_path):  # type: ignore[no-untyped-def]
    """A column ``img`` without paths, numbers of classes without names, and JPEG files among the images."""
    buffer = io.BytesIO()
    Image.fromarray(crop(1)).save(buffer, "JPEG")
    rows = {"img": [png_bytes(crop(0)), buffer.getvalue()], "label": [3, 10], "source": ["web", None],
            "when": np.array(["2026-01-01", "2026-01-02"], "datetime64[D]")}  # fmt: skip
    pq.write_table(pa.table(rows), tmp_path / "test.parquet")
    found = api.examine(tmp_path)
    assert (found.format, found.classes, list(found.splits)) == ("parquet", ("3", "10"), ["test"])
    assert [one.name for one in found.dataset.samples] == ["000000.png", "000001.jpg"]
    assert [one.attributes for one in found.dataset.samples] == [{"source": "web"}, {}]
    assert [str(one) for one in found.rejections] == [
        "test.parquet: schema: invalid value: the column when of type date32[day] is not read"
    ]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 50 + b"PAR1", b"x" * 1000])
def test_damaged_files(content, tmp_path):  # type: ignore[no-untyped-def]
    (tmp_path / "a.parquet").write_bytes(content)
    assert [one.kind for one in api.examine(tmp_path).rejections] == ["unreadable file"]


def test_flipped_bytes_end_in_rejections(tmp_path):  # type: ignore[no-untyped-def]
    Parquet().write(DATA, tmp_path / "out")
    path = tmp_path / "out/data/train-00000-of-00001.parquet"
    whole = path.read_bytes()
    for at in range(0, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        Parquet().read(tmp_path / "out")  # raises nothing but what it documents


def test_rejected_rows(tmp_path):  # type: ignore[no-untyped-def]
    cells = [{"bytes": png_bytes(crop(0)), "path": "a.png"}] * 2 + [{"bytes": b"x", "path": "c.png"}, None]
    pq.write_table(pa.table({"image": cells, "label": [0, 1, 2, -5]}), tmp_path / "train.parquet")
    found = Parquet().read(tmp_path)
    assert [(one.kind, one.position) for one in found.rejections] == [
        ("duplicate id", "a.png"), ("unreadable image", "row 3"), ("missing image", "row 4")
    ]  # fmt: skip


def test_encrypted_files_open_with_pyarrow_alone(tmp_path):  # type: ignore[no-untyped-def]
    """By the lines of docs/reference/formats.md: HKDF, AES-SIV and PyArrow's own key management."""
    import pyarrow.parquet.encryption as pe
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    good("keygen", "--out", tmp_path / "k")
    Parquet(Key.read(tmp_path / "k")).write(DATA, tmp_path / "out")
    path = tmp_path / "out/data/train-00000-of-00001.parquet"
    assert path.read_bytes()[:4] == path.read_bytes()[-4:] == b"PARE"  # the footer is encrypted, too
    assert all(word not in path.read_bytes() for word in (b"cat", b"IHDR", b"image", b"a dog"))
    text = (tmp_path / "k").read_text().splitlines()[-1].removeprefix("ripguard-key-1-").upper()
    secret = base64.b32decode(text + "=" * (-len(text) % 8))[:32]
    key = HKDF(SHA256(), 64, b"ripguard/parquet 1", b"key of keys").derive(secret)

    class Client(pe.KmsClient):
        def wrap_key(self, key_bytes, master_key_identifier):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        def unwrap_key(self, wrapped_key, master_key_identifier):  # type: ignore[no-untyped-def]
            return AESSIV(key).decrypt(base64.b64decode(wrapped_key), [b"ripguard/parquet 1 wrapped key"])

    properties = pe.CryptoFactory(lambda config: Client()).file_decryption_properties(pe.KmsConnectionConfig())
    table = pq.read_table(path, decryption_properties=properties)
    assert table["image"][0].as_py()["bytes"] == DATA.samples[0].media.read()
    assert key == wrapping_key(Key.read(tmp_path / "k"))


def test_encrypted_files_and_other_keys(tmp_path):  # type: ignore[no-untyped-def]
    """Another key opens nothing; each file has a key of its own; reading says what the file is."""
    key = Key.generate()
    for name in ("one", "two"):
        Parquet(key).write(DATA, tmp_path / name)
    one, two = ((tmp_path / name / "data/train-00000-of-00001.parquet") for name in ("one", "two"))
    assert one.read_bytes() != two.read_bytes()
    assert pq.read_table(one, decryption_properties=decryption(key)).num_rows == 2
    with pytest.raises(Exception, match="does not open"):
        pq.read_table(one, decryption_properties=decryption(Key.generate()))
    with pytest.raises(OSError, match="encrypted"):
        pq.read_table(one)
    assert "it is encrypted" in str(Parquet().read(tmp_path / "one").rejections[0])


def test_only_parquet_is_encrypted(tmp_path):  # type: ignore[no-untyped-def]
    good("keygen", "--out", tmp_path / "k")
    Parquet().write(DATA, tmp_path / "s")
    more = ("--encrypt-key-file", tmp_path / "k")
    assert "only parquet" in refused(2, "convert", tmp_path / "s", tmp_path / "o", "--format", "coco", *more)
    done = good("convert", tmp_path / "s", tmp_path / "o", "--format", "parquet", *more)
    assert (done["encrypted"], done["losses"]) == (True, [])
    refused(7, "convert", tmp_path / "s", tmp_path / "p", "--format", "parquet", "--encrypt-key-file", tmp_path / "s")


def test_nothing_is_written_unencrypted_beside_encrypted_files(tmp_path):  # type: ignore[no-untyped-def]
    """Further files of the source are a loss; a key inside the source is refused."""
    good("keygen", "--out", tmp_path / "k")
    Parquet().write(DATA, tmp_path / "s")
    (tmp_path / "s/labels.csv").write_text("a,b\n")
    command = ("convert", tmp_path / "s", tmp_path / "o", "--format", "parquet", "--encrypt-key-file")
    assert "labels.csv" in refused(3, *command, tmp_path / "k")
    assert [one["field"] for one in good(*command, tmp_path / "k", "--accept-losses")["losses"]] == ["files"]
    assert [one.suffix for one in (tmp_path / "o").rglob("*") if one.is_file()] == [".parquet"]
    (tmp_path / "k").rename(tmp_path / "s/k")
    assert "lies inside source or output" in refused(7, *command[:2], tmp_path / "p", *command[3:], tmp_path / "s/k")


def test_repeated_values_do_not_fill_the_memory(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A small file whose rows all repeat one image: its metadata states the size of one."""
    monkeypatch.setattr(parquet_reading, "MOST_GROUP", 1 << 20)
    data = DATA.samples[0].media.read()
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), pa.array([data]))
    (tmp_path / "s").mkdir()
    pq.write_table(pa.table({"image": many}), tmp_path / "s/train.parquet", store_schema=False)
    assert (tmp_path / "s/train.parquet").stat().st_size < 1 << 18 < 5000 * len(data)
    found = Parquet().read(tmp_path / "s")
    assert "row group 0 has more than 1,048,576 bytes" in str(found.rejections[0])
    with pytest.raises(InputRefused, match="more than"):
        found.dataset.samples[0].media.read()
