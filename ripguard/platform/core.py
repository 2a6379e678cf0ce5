"""A platform: its parts, put together and started. HTTP, command line and jobs stand on this."""

from __future__ import annotations

from typing import Self

from ripguard.errors import UsageError
from ripguard.platform import pulse
from ripguard.platform.access.admission import Admission, Parts
from ripguard.platform.access.budget import Budget
from ripguard.platform.access.grants import Grants
from ripguard.platform.access.requests import Requests
from ripguard.platform.access.session import Session, Tools
from ripguard.platform.audit.checkpoints import Checkpoints
from ripguard.platform.audit.log import PLATFORM, Audit
from ripguard.platform.callers import Caller, Issued, Wanted
from ripguard.platform.clock import Clock, now
from ripguard.platform.custody import Custody
from ripguard.platform.database.engine import Database
from ripguard.platform.database.migrating import upgrade
from ripguard.platform.deposits.blobs import Blobs
from ripguard.platform.deposits.datasets import Datasets
from ripguard.platform.deposits.deposits import Deposits
from ripguard.platform.errors import Absent
from ripguard.platform.limits import Throttle
from ripguard.platform.master import MasterFiles
from ripguard.platform.principals import Principals
from ripguard.platform.roles import Role
from ripguard.platform.settings import Settings
from ripguard.platform.tokens import Tokens
from ripguard.store.atomic import storage
from ripguard.systems import no_core_files


class Platform:
    """All parts of one server process. Use :meth:`start`."""

    def __init__(self, settings: Settings, database: Database, clock: Clock = now) -> None:
        self.settings, self.database, self.clock = settings, database, clock
        self.custody = Custody(database, MasterFiles(settings.master_file), clock)
        self.audit = Audit(database, self.custody, Checkpoints(settings.checkpoints), clock)
        self.throttle = Throttle(database, settings.limits, clock)
        self.principals = Principals(database, self.audit, clock)
        self.tokens = Tokens(database, self.audit, self.throttle, settings.limits, clock)
        self.datasets = Datasets(database, self.audit, clock)
        self.deposits = Deposits(database, self.custody, self.audit, self.datasets, Blobs(settings.blobs), clock)
        self.grants = Grants(database, self.audit, clock)
        self.requests = Requests(database, self.audit, self.datasets, self.grants, clock)
        self.budget = Budget(database, self.tokens, self.grants, self.throttle, settings.limits, clock)
        self.parts = Parts(database, self.audit, self.custody, self.deposits, self.budget, clock)

    @classmethod
    def start(cls, settings: Settings, clock: Clock = now) -> Self:
        """Open or make the database, bring it to this version's schema, and check the master key.

        Raises:
            KeyFileError: the master key is missing, or not the one of the database.
            StorageError: the folder or the database cannot be used, or is of a newer version.
        """
        no_core_files()  # they would hold unwrapped keys
        with storage("cannot create"):
            settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = Database(settings.database_url)
        try:
            upgrade(database)
            with database.write() as connection:
                pulse.start(database, connection)
            made = cls(settings, database, clock)
            made.custody.start()
            made.audit.start()
        except BaseException:
            database.close()
            raise
        return made

    def close(self) -> None:
        """Close the connections to the database."""
        self.database.close()

    def first_admin(self, name: str = "admin") -> Issued:
        """The first account, and its token: the only one that nobody else makes.

        Raises:
            UsageError: there is an account already.
        """
        with self.audit.transaction() as journal:
            if self.principals.exist(journal.connection):
                raise UsageError("the platform has accounts", "an admin makes others")
            account = self.principals.create_in(journal, name, Role.ADMIN, PLATFORM)
            wanted = Wanted(note="first token")
            return self.tokens.issue_in(journal, account.id, wanted, PLATFORM)

    def operator_token(self, name: str) -> Issued:
        """A token for an existing admin account, for whoever has the machine: all tokens may have expired.

        Raises:
            Absent: there is no such account, it is no admin, or it is disabled.
        """
        account = self.principals.named(name)
        if account.role is not Role.ADMIN:
            raise Absent.of("account")
        return self.tokens.issue(account.id, Wanted(note="made on the machine"), PLATFORM)

    def session(self, token: str, address: str = "") -> Session:
        """What the holder of a token may do. Raises :class:`SignInFailed`, :class:`LimitReached`."""
        caller = self.tokens.authenticate(token, address)
        self.throttle.call(f"token {caller.accessor}")
        return self.session_of(caller)

    def count_upload(self, caller: Caller, size: int) -> None:
        """Count the bytes of images that an account sends. Raises :class:`LimitReached`; then none are counted."""
        if most := self.settings.limits.bytes_a_day:
            self.throttle.count(f"account {caller.principal}", "bytes", size, most)

    def session_of(self, caller: Caller) -> Session:
        """The same for a caller that was authenticated."""
        return Session(
            Tools(self.parts, self.principals, self.requests, self.settings.limits.longest_token_life), caller
        )

    def admission(self, caller: Caller, dataset: str, using: frozenset[str] = frozenset()) -> Admission:
        """Restoration from a dataset; see :class:`Admission`."""
        return Admission(self.parts, caller, dataset, using)
