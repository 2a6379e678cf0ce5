"""Settings of a platform. The defaults need nothing installed: SQLite, and one folder for everything."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ripguard.errors import UsageError
from ripguard.paths import expanded
from ripguard.platform.clock import DAY, HOUR

KINDS = ("sqlite://", "postgresql+psycopg://")  # of database URLs


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one caller may do. Zero switches a limit off.

    Attributes:
        images_a_day: images that a principal may restore in one day (UTC).
        bytes_a_day: bytes of images that a principal may send in one day.
        new_images_a_day: the same in the first day of a token: bulk restoration starts slowly.
        calls_a_minute: calls of one token.
        failures: failed sign-ins of one address, or refused images of one token, before each further one has to wait.
        longest_wait: seconds, the most that a failure can cost.
        token_life, longest_token_life: seconds until a token expires: the default, and the most.
        open_jobs: jobs of a principal that have not ended.
        token_depth: generations of tokens: a token's children may have children, and so on.
    """

    images_a_day: int = 100_000
    bytes_a_day: int = 1 << 36
    new_images_a_day: int = 0
    calls_a_minute: int = 6_000
    failures: int = 5
    longest_wait: int = 15 * 60
    token_life: int = 24 * HOUR
    longest_token_life: int = 90 * DAY
    open_jobs: int = 4
    token_depth: int = 4

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise UsageError(f"limit {name}: expected a number from 0 on")
        if not 0 < self.token_life <= self.longest_token_life or not self.token_depth:
            raise UsageError("limit token_life: expected more than 0, and at most longest_token_life")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where a platform keeps its data.

    Attributes:
        folder: folder of the platform, mode 0700: deposits, checkpoints of the audit log, and by default the rest.
        database: URL of the database; "" for the SQLite file ``platform.db`` in the folder.
        master_key: master key file; None for ``master.key`` in the folder. Keep it on another disk than the database,
            and back it up apart.
        host: name of this host in the file of checkpoints, where several hosts share a database.
        shared: folder of deposits and jobs that all hosts see, where several share a database; None for ``folder``.
        limits: rates and quotas.
    """

    folder: Path
    database: str = field(default="", repr=False)  # it may hold a password
    master_key: Path | None = None
    host: str = "local"
    shared: Path | None = None
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(expanded(self.folder, "folder of the platform")).absolute())
        if self.master_key is not None:
            object.__setattr__(self, "master_key", Path(expanded(self.master_key, "master key file")).absolute())
        if self.shared is not None:
            object.__setattr__(self, "shared", Path(expanded(self.shared, "shared folder")).absolute())
        if self.database and not self.database.startswith(KINDS):
            raise UsageError(f"database: expected a URL that starts with {' or '.join(KINDS)}")
        if not self.host.replace("-", "").isalnum() or not self.host.isascii():
            raise UsageError("host: expected ASCII letters, digits and '-'")

    @property
    def database_url(self) -> str:
        """URL for SQLAlchemy."""
        return self.database or f"sqlite:///{self.folder / 'platform.db'}"

    @property
    def master_file(self) -> Path:
        return self.master_key or self.folder / "master.key"

    @property
    def blobs(self) -> Path:
        """Folder of the containers of deposited releases."""
        return (self.shared or self.folder) / "blobs"

    @property
    def jobs(self) -> Path:
        """Folder of the files of jobs."""
        return (self.shared or self.folder) / "jobs"

    @property
    def place(self) -> str:
        """Where the files of jobs are: the name of the host that has them, or ``*`` for a shared folder."""
        return "*" if self.shared else self.host

    @property
    def checkpoints(self) -> Path:
        """File of the signed heads of the audit log, written by this host."""
        return self.folder / f"audit-{self.host}.jsonl"
