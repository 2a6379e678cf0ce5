"""What one caller may do: every use case with its decision. HTTP and the web page call nothing below this.

Each method raises :class:`Absent` where the rules deny it, as if the object did not exist, and records the denial.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Row, select

from ripguard.crypto.unitfile import UnitRing
from ripguard.platform.access.admission import Admission, unit_keys
from ripguard.platform.access.deciding import Deciding, Tools
from ripguard.platform.access.grants import Grant, Terms
from ripguard.platform.access.relations import Standing
from ripguard.platform.access.requests import Published, Request
from ripguard.platform.access.rules import Kind, Relation, Verb, require
from ripguard.platform.audit.checkpoints import Checkpoint
from ripguard.platform.audit.verifying import Use, Verified, export, usage, verify
from ripguard.platform.callers import Issued, Wanted
from ripguard.platform.database.tables import tokens as token_table
from ripguard.platform.deposits.datasets import Dataset
from ripguard.platform.deposits.deposits import Deposited
from ripguard.platform.principals import Principal
from ripguard.platform.roles import Role, Scope
from ripguard.platform.rotation import Rotated, rotate

INVITED = (Scope.SEE, Scope.RESTORE, Scope.KEYS)  # scopes of the token of an invited user


class Session(Deciding):
    """The use cases of a caller."""

    # datasets

    def datasets(self) -> list[Dataset]:
        """Datasets that the caller may see, by name."""
        everything = self.caller.role in (Role.AUDITOR, Role.ADMIN)
        found = self._datasets.visible_to(self.caller.principal, everything)
        with self._parts.database.read() as connection:
            seen = [self._standing(connection, one) for one in found]
        return [one.dataset for one in seen if one.decide(Verb.SEE).value == "allow"]

    def dataset(self, dataset: str) -> Standing:
        """A dataset, and what it is to the caller."""
        return self._may(Verb.SEE, dataset)

    def create_dataset(self, name: str) -> Dataset:
        """A new dataset of the caller."""
        self._may_platform(Verb.CREATE, Kind.PLATFORM)
        return self._datasets.create(self.caller.principal, name)

    def depositing(self, dataset: str) -> None:
        """Raise unless the caller may deposit versions of a dataset: before their bytes are taken."""
        self._may(Verb.DEPOSIT, dataset)

    def deposit(self, dataset: str, container: Iterable[bytes], secret: bytes) -> Deposited:
        """A new version; see :meth:`ripguard.platform.deposits.deposits.Deposits.deposit`."""
        self._may(Verb.DEPOSIT, dataset)
        return self._parts.deposits.deposit(dataset, container, secret, self.caller.principal)

    def change(self, dataset: str, **settings: Any) -> Dataset:
        """Change settings; see :meth:`ripguard.platform.deposits.datasets.Datasets.change`."""
        self._may(Verb.CHANGE, dataset)
        return self._datasets.change(dataset, self.caller.principal, **settings)

    def close(self, dataset: str) -> None:
        """End all restoration from a dataset."""
        self._may(Verb.CLOSE, dataset)
        self._datasets.close(dataset, self.caller.principal)

    def usage(self, dataset: str) -> list[Use]:
        """Who restored how many images of a dataset, and when."""
        self._may(Verb.USAGE, dataset)
        return usage(self._parts.database, dataset)

    def restoring(self, dataset: str) -> Admission:
        """Restoration from a dataset."""
        self._may(Verb.RESTORE, dataset)
        return Admission(self._parts, self.caller, dataset)

    def unit_keys(self, dataset: str, version: int | None = None) -> tuple[int, UnitRing]:
        """Unit keys for restoring offline; see :func:`ripguard.platform.access.admission.unit_keys`."""
        self._may(Verb.TAKE_KEYS, dataset)
        return unit_keys(self._parts, self.caller, dataset, version)

    # grants and requests

    def grant(self, dataset: str, name: str, terms: Terms) -> Grant:
        """Grant a dataset to the account of this name."""
        self._may(Verb.GRANT, dataset)
        account = self._tools.principals.named(name)
        return self._grants.create(dataset, account.id, terms, self.caller.principal)

    def invite(self, dataset: str, name: str, terms: Terms, life: int = 0) -> Issued:
        """A new user account, a grant for it, and its token, which opens this dataset alone.

        Args:
            life: seconds until the token expires; 0: with the grant, if tokens may live that long.
        """
        self._may(Verb.INVITE, dataset)
        actor, time = self.caller.principal, self._parts.clock()
        life = life or max(1, min(terms.ends_at - time, self._tools.longest_life))
        with self._parts.audit.transaction() as journal:
            account = self._tools.principals.create_in(journal, name, Role.USER, actor)
            self._grants.create_in(journal, dataset, account.id, terms, actor)
            wanted = Wanted(scopes=INVITED, dataset=dataset, life=life, note="invitation")
            return self._tokens.issue_in(journal, account.id, wanted, actor)

    def revoke_grant(self, grant: str) -> None:
        """End a grant: of an own dataset, or any for an admin."""
        with self._denials(Verb.REVOKE, Kind.GRANT, grant), self._parts.database.read() as connection:
            found = self._grants.get(connection, grant)
            if self.caller.role is Role.ADMIN:
                require(self._decide(Verb.REVOKE, Kind.GRANT, Relation.NONE), Kind.GRANT)
            else:
                own = self._standing(connection, self._datasets.find(connection, found.dataset))
                require(own.decide(Verb.REVOKE), Kind.GRANT)
        self._grants.revoke(grant, self.caller.principal)

    def grants(self, dataset: str) -> list[Grant]:
        """Grants of a dataset: all for its owner and auditors, the own ones for others."""
        found = self._may(Verb.SEE, dataset)
        relation = Relation.OWN if self.caller.role is not Role.AUDITOR else Relation.NONE
        require(self._decide(Verb.SEE, Kind.GRANT, relation, dataset), Kind.DATASET)
        everything = found.relation is Relation.OWN or self.caller.role is Role.AUDITOR
        rows = self._grants.of_dataset(dataset)
        return [one for one in rows if everything or one.principal == self.caller.principal]

    def ask(self, dataset: str, purpose: str, answers: Sequence[str] = (), **part: str | None) -> Request:
        """Request access; see :meth:`ripguard.platform.access.requests.Requests.ask`."""
        self._may(Verb.ASK, dataset)
        return self._tools.requests.ask(dataset, self.caller.principal, purpose, answers, **part)

    def requests(self, dataset: str) -> list[Request]:
        """Requests for a dataset: all for its owner and auditors, the own ones for others."""
        found = self._may(Verb.SEE, dataset)
        relation = Relation.OWN if self.caller.role is not Role.AUDITOR else Relation.NONE
        require(self._decide(Verb.SEE, Kind.REQUEST, relation, dataset), Kind.DATASET)
        everything = found.relation is Relation.OWN or self.caller.role is Role.AUDITOR
        rows = self._tools.requests.of_dataset(dataset)
        return [one for one in rows if everything or one.principal == self.caller.principal]

    def public_log(self, dataset: str) -> list[Published]:
        """The published requests for a dataset."""
        self._may(Verb.SEE, dataset)
        return self._tools.requests.public_log(dataset)

    def withdraw(self, request: str) -> None:
        """Withdraw an own request."""
        with self._denials(Verb.WITHDRAW, Kind.REQUEST, request), self._parts.database.read() as connection:
            found = self._tools.requests.get(connection, request)
            relation = Relation.OWN if found.principal == self.caller.principal else Relation.NONE
            require(self._decide(Verb.WITHDRAW, Kind.REQUEST, relation, found.dataset), Kind.REQUEST)
        self._tools.requests.withdraw(request, self.caller.principal)

    def grant_request(self, request: str, terms: Terms, reason: str = "") -> Grant:
        """Grant a request for an own dataset."""
        self._may_decide(request)
        return self._tools.requests.grant(request, terms, self.caller.principal, reason)

    def refuse_request(self, request: str, reason: str) -> None:
        """Refuse a request for an own dataset."""
        self._may_decide(request)
        self._tools.requests.refuse(request, self.caller.principal, reason)

    def names(self, dataset: str) -> dict[str, str]:
        """Names of the accounts that the grants and requests of a dataset name, as far as the caller sees those; by id.

        Its owner's name is among them.
        """
        owner = self._may(Verb.SEE, dataset).dataset.owner
        wanted = {owner} | {one.principal for one in self.grants(dataset)}
        wanted |= {one.principal for one in self.requests(dataset)}
        return {one.id: one.name for one in self._tools.principals.all() if one.id in wanted}

    def units(self, dataset: str) -> list[tuple[str, str]]:
        """Splits and classes that the caller may grant, of all versions of an own dataset, sorted."""
        found = self._may(Verb.GRANT, dataset).dataset
        with self._parts.database.read() as connection:
            of = self._parts.deposits.units
            return sorted({unit for one in range(found.versions) for unit in of(connection, dataset, one + 1)})

    # accounts and tokens

    def account(self) -> Principal:
        """The own account."""
        return self._tools.principals.get(self.caller.principal)

    def accounts(self) -> list[Principal]:
        """All accounts, or the own one for who may not see others."""
        found = self._tools.principals.all()
        own = Relation.OWN
        return [
            one
            for one in found
            if self._decide(Verb.SEE, Kind.ACCOUNT, own if one.id == self.caller.principal else Relation.NONE).value
            == "allow"
        ]

    def create_account(self, name: str, role: Role) -> Principal:
        """A new account."""
        self._may_platform(Verb.CREATE, Kind.ACCOUNT)
        return self._tools.principals.create(name, role, self.caller.principal)

    def disable_account(self, principal: str) -> None:
        """Refuse all tokens of an account from now on."""
        self._may_platform(Verb.DISABLE, Kind.ACCOUNT)
        self._tools.principals.disable(principal, self.caller.principal)

    def tokens(self, principal: str = "") -> list[Row]:
        """Tokens of an account, "" for the own one; never the secrets."""
        whose = principal or self.caller.principal
        self._may_token(Verb.SEE, whose)
        return self._tokens.of(whose)

    def issue_token(self, wanted: Wanted, principal: str = "") -> Issued:
        """A token for an account; for the own one, "", a child of the caller's token."""
        whose = principal or self.caller.principal
        self._may_token(Verb.ISSUE, whose)
        if wanted.dataset is not None:
            self._may(Verb.SEE, wanted.dataset)
        parent = self.caller if whose == self.caller.principal else None
        return self._tokens.issue(whose, wanted, self.caller.principal, parent)

    def revoke_token(self, accessor: str) -> int:
        """Revoke a token and its children; returns how many ended."""
        with self._parts.database.read() as connection:
            query = select(token_table.c.principal).where(token_table.c.accessor == accessor)
            whose = connection.execute(query).scalar()
        with self._denials(Verb.REVOKE, Kind.TOKEN, accessor):
            relation = Relation.OWN if whose == self.caller.principal else Relation.NONE
            require(self._decide(Verb.REVOKE, Kind.TOKEN, relation), Kind.TOKEN)
            return self._tokens.revoke(accessor, self.caller.principal)

    # the audit log and the master key

    def export_log(self, dataset: str | None = None, after: int = 0) -> Iterator[str]:
        """Lines of the audit log; see :func:`ripguard.platform.audit.verifying.export`."""
        self._may_platform(Verb.EXPORT, Kind.LOG)
        return export(self._parts.database, dataset, after)

    def log_length(self) -> int:
        """Number of the last record of the audit log."""
        self._may_platform(Verb.SEE, Kind.LOG)
        return self._parts.audit.head().seq

    def log_head(self) -> Checkpoint:
        """The end of the audit log, signed now."""
        self._may_platform(Verb.SEE, Kind.LOG)
        return self._parts.audit.checkpoint()

    def verify_log(self) -> Verified:
        """Verify the audit log; see :func:`ripguard.platform.audit.verifying.verify`."""
        self._may_platform(Verb.VERIFY, Kind.LOG)
        return verify(self._parts.audit)

    def rotate_master(self) -> Rotated:
        """Rotate the master key; see :mod:`ripguard.platform.rotation`."""
        self._may_platform(Verb.ROTATE, Kind.PLATFORM)
        return rotate(self._parts.custody, self._parts.audit, self.caller.principal)


__all__ = ["Session", "Tools"]
