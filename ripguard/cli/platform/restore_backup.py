"""`ripguard platform restore-backup`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ripguard.cli.output import show
from ripguard.cli.platform.local import add_platform, settings_of, span
from ripguard.paths import expanded

DESCRIPTION = (
    "Restore a backup into a new folder, and into an empty PostgreSQL where --database names one. Before anything is "
    "written, the digests of all files and the master key are checked; then the audit log is verified, and every key "
    "opened. A backup of SQLite can be restored to PostgreSQL, and the other way round."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("backup", metavar="BACKUP", help="folder that ripguard platform backup wrote")
    add_platform(parser, key_required=True)
    parser.add_argument("--dry-run", action="store_true", help="check the backup and the master key only")


def run(options: argparse.Namespace) -> int:
    from ripguard.platform.backup.recovering import in_words, restore_backup

    settings = settings_of(options)
    done = restore_backup(Path(expanded(options.backup, "BACKUP")), settings, options.dry_run)
    about = {
        "folder": str(settings.folder), "restored": not options.dry_run, "made_at": done.record.made_at,
        "age": done.age, "seconds": round(done.seconds, 3), "records": done.record.records, "keys": done.keys,
        "checkpoints": done.checkpoints, "images": done.images, "failed_jobs": done.jobs,
    }  # fmt: skip
    lines = [
        f"{'the backup is whole' if options.dry_run else f'restored {settings.folder}'}, in {span(done.seconds)}",
        f"  snapshot of {in_words(done.record.made_at)}, {span(done.age)} old: what was done since then is lost",
        f"  audit log: {done.record.records} records follow from the first, {done.checkpoints} signed heads agree",
        f"  keys: the master key opens all {done.keys}; {done.images:,} images can be restored",
    ]
    if done.jobs:
        lines.append(f"  jobs: {done.jobs} had not ended and failed, as no backup has uploads")
    if not options.dry_run:
        lines.append("  revoke again what was revoked since then; ripguard serve --master-key names the same file")
    show(options, about, lines)
    return 0
