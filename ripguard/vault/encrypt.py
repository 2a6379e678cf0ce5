"""Make a vault: seal all shards on all cores, then publish the whole folder with one rename.

The vault is built in ``.<name>.ripguard-partial`` beside the output. The same command continues a run that was killed:
the working folder has the stanzas of the recipients, so that the same key gives the same secret again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ripguard.bar import Bar
from ripguard.crypto.keys import Key
from ripguard.errors import Damaged, InputRefused, KeyFileError, OutputRefused, RipguardError
from ripguard.executor import Executor, Local
from ripguard.files import walk
from ripguard.store.atomic import (
    LOCK,
    TEMPORARY,
    drop_empty_work,
    drop_work,
    lock,
    make_working_folder,
    publish_folder,
    refuse_existing,
    storage,
    write_file,
)  # fmt: skip
from ripguard.store.schema import canonical, digits, fields, many, parsed
from ripguard.vault.body import write_body
from ripguard.vault.header import DATA, Header, is_vault
from ripguard.vault.heads import HEADER, VAULT_ID
from ripguard.vault.keys import VaultKeys
from ripguard.vault.opening import Passphrase
from ripguard.vault.plan import Plan
from ripguard.vault.recipients import STANZA, Recipient, stanza, unlocked
from ripguard.vault.shard import Job, commit_of, committed, files_ending, write_shard

TREE, COMMITS, STATE = "vault", "commits", "vault.json"  # in the working folder
MOST_SHARDS = 99_999  # of five digits


@dataclass(frozen=True)
class Encrypted:
    """Result of an encryption.

    Attributes:
        out: path of the vault.
        vault_id, digest: hex; the digest is what ``expect`` takes.
        epoch: of the header, 1.
        files, bytes: of the source; units: splits and classes; shards: number of shard files.
        written: bytes of the vault.
        resumed: files that an earlier run had sealed.
        left_out: files that ``only`` left out.
        recipients: kinds of the recipients.
        notes: how splits and classes were found.
    """

    out: str
    vault_id: str
    digest: str
    epoch: int
    files: int
    bytes: int
    units: int
    shards: int
    written: int
    resumed: int
    left_out: int
    recipients: list[str]
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def refuse_vault(root: Path) -> None:
    """Raise :class:`InputRefused` if a source is a vault already."""
    if is_vault(root):
        raise InputRefused(f"{root} is a vault already", "name the folder of the files")


def encrypt(
    plan: Plan,
    key: Key,
    out: Path,
    recipients: Sequence[Recipient] = (),
    executor: Executor | None = None,
    restart: bool = False,
) -> Encrypted:
    """Make the vault of a plan at ``out``.

    Args:
        key: of the owner, who is the first recipient.
        recipients: others, each of the whole vault; checked before.
        executor: writes the shards; None: this process.
        restart: discard an unfinished run instead of continuing it.

    Raises:
        OutputRefused, InputRefused, KeyFileError, StorageError: nothing was published.
    """
    out = Path(os.path.abspath(out))
    refuse_existing(out)
    if len(plan.ends) > MOST_SHARDS:
        raise InputRefused(f"the vault would have {len(plan.ends):,} shards", "give a larger --shard-size")
    work = make_working_folder(out)
    with lock(work / LOCK):
        keys, stanzas = _start(work, plan, key, recipients, restart)
        job = Job(plan, keys, work / TREE, work)
        resumed = _run(job, executor or Local())
        digests = [commit_of(job, shard) or "" for shard in range(len(plan.ends))]
        table, sums = write_body(job.tree, plan, keys, digests)
        header = Header(
            keys.vault_id.hex(), 1, plan.capacity, len(digests), plan.length(len(digests) - 1), table,
            hashlib.sha256(sums).hexdigest(), stanzas,
        )  # fmt: skip
        write_file(job.tree / HEADER, header.pack(keys))
        with storage("cannot list"):
            written = sum(entry.stat().st_size for _, entry in walk(job.tree))
        publish_folder(job.tree, out)
        _clear(work)
        drop_empty_work(work)
    return Encrypted(
        str(out), header.vault_id, header.sums, 1, len(plan.names), sum(plan.sizes), len(plan.units), len(digests),
        written, resumed, plan.left_out, [one["kind"] for one in stanzas], plan.notes,
    )  # fmt: skip


def _start(
    work: Path, plan: Plan, key: Key, recipients: Sequence[Recipient], restart: bool
) -> tuple[VaultKeys, list[dict[str, Any]]]:
    """Continue the run in the working folder if it has this plan, key and recipients, or start one."""
    state = work / STATE
    kinds = [one if isinstance(one, str) else one.id.hex() if isinstance(one, Key) else "" for one in recipients]
    token = {"plan": plan.digest, "key_id": key.id.hex(), "recipients": kinds}
    if restart:
        _clear(work)
    found = _read(state)
    if found and found.get("token") != token:
        raise OutputRefused(
            f"{work} holds an unfinished run with another source, key or settings",
            "repeat that command, or add --restart to discard its work",
        )
    if not found and any((work / name).exists() for name in ("release", "plan.json", STATE)):
        raise OutputRefused(f"{work} holds other unfinished work", "add --restart, or choose another output")
    with storage("cannot remove"):
        for name, entry in walk(work):  # temporary files of a killed run
            if TEMPORARY.fullmatch(name.rpartition("/")[2]):
                os.unlink(entry.path)
    if found:
        try:
            keys = unlocked(found["stanzas"], bytes.fromhex(found["vault_id"]), key, str(state))
        except RipguardError:
            keys = None  # type: ignore[assignment]
        if not isinstance(keys, VaultKeys):
            raise Damaged(f"{state} was changed", "add --restart to discard the unfinished run")
        for one in recipients:
            if isinstance(one, Passphrase):
                _refuse_other_passphrase(one, found["stanzas"], keys, work)
        return keys, found["stanzas"]
    keys = VaultKeys(secrets.token_bytes(32), secrets.token_bytes(VAULT_ID))
    stanzas = [stanza(one, keys, keys) for one in (key, *recipients)]
    for name in (COMMITS, f"{TREE}/{DATA}"):
        with storage("cannot create"):
            (work / name).mkdir(parents=True, exist_ok=True)
    write_file(state, canonical({"token": token, "vault_id": keys.vault_id.hex(), "stanzas": stanzas}))
    return keys, stanzas


def _refuse_other_passphrase(own: Passphrase, stanzas: list[dict[str, Any]], keys: VaultKeys, work: Path) -> None:
    try:
        unlocked(stanzas, keys.vault_id, own, str(work))
    except KeyFileError:
        raise OutputRefused(
            f"{work} holds an unfinished run with another passphrase",
            "repeat that command with its passphrase, or add --restart to discard its work",
        ) from None


def _read(state: Path) -> dict[str, Any] | None:
    try:
        found = parsed(state.read_bytes())
    except (OSError, ValueError):
        return None
    form = {"token": lambda value: isinstance(value, dict), "vault_id": digits(VAULT_ID)}
    return found if fields(form | {"stanzas": many(fields(STANZA))})(found) else None


def _clear(work: Path) -> None:
    """Remove the state of a run; the secret's stanzas last, so that a killed removal can be repeated."""
    for name in (TREE, COMMITS):
        drop_work(work / name)
    with storage("cannot remove"):
        (work / STATE).unlink(missing_ok=True)


def _run(job: Job, executor: Executor) -> int:
    """Write all shards; returns the number of files that were already sealed."""
    shards = range(len(job.plan.ends))
    done = {shard for shard in shards if committed(job, shard)}
    resumed = sum(files_ending(job.plan, shard) for shard in done)
    left = [shard for shard in shards if shard not in done]
    with Bar(total=len(job.plan.names), initial=resumed, stage="encrypting", unit="file") as bar:
        for count in executor.map(_write, left, partial(_same, job)):
            bar.update(count)
    return resumed


def _same(job: Job) -> Job:
    return job


def _write(job: Job, shard: int) -> int:
    return write_shard(job, shard)


def planned(plan: Plan) -> dict[str, Any]:
    """What ``--dry-run`` reports."""
    return {
        "files": len(plan.names), "bytes": sum(plan.sizes), "units": len(plan.units), "shards": len(plan.ends),
        "left_out": plan.left_out, "notes": plan.notes,
        "splits": sorted({split for split, _ in plan.units if split}),
        "classes": sorted({label for _, label in plan.units if label}),
    }  # fmt: skip
