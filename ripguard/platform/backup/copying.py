"""Copy all rows of one database into another one of the same schema, SQLite or PostgreSQL in any pair."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, MetaData, Table, bindparam, func, select, text, update

SCHEMA = "alembic_version"  # table of the revision: the target has its own
ROWS = 1_000  # that are in memory at once


def reflected(connection: Connection) -> MetaData:
    """The tables of a database as they are, without that of its revision."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name != SCHEMA)
    return found


def copy(source: Connection, target: Connection) -> int:
    """Copy all rows into empty tables; returns how many there are.

    Args:
        source, target: transactions on databases of one revision.
    """
    own, theirs = reflected(source), reflected(target)
    return sum(_copy_table(source, target, own.tables[one.name], one) for one in theirs.sorted_tables)


def empty(connection: Connection) -> bool:
    """Whether no table has a row; the first start of a server writes two rows that say nothing."""
    return not any(
        connection.execute(select(func.count()).select_from(one)).scalar_one()
        for one in reflected(connection).sorted_tables
        if one.name not in ("pulse", "audit_head")
    )


def clear(connection: Connection) -> None:
    """Remove what :func:`empty` allows."""
    for one in reflected(connection).sorted_tables:
        if one.name in ("pulse", "audit_head"):
            connection.execute(one.delete())


def _copy_table(source: Connection, target: Connection, own: Table, theirs: Table) -> int:
    # a row may refer to one of the same table that follows later: such columns are filled in at the end
    later = [one.parent.name for one in theirs.foreign_keys if one.column.table is theirs]
    (key, *_), count = theirs.primary_key.columns.keys(), 0
    links: list[dict[str, Any]] = []
    found = source.execution_options(yield_per=ROWS).execute(select(own))
    for some in found.mappings().partitions():
        rows = [dict(row) for row in some]
        links += [{"own": row[key], **{name: row[name] for name in later}} for row in rows if later]
        target.execute(theirs.insert(), [row | dict.fromkeys(later) for row in rows])
        count += len(rows)
    if links := [row for row in links if any(row[name] is not None for name in later)]:
        changed = update(theirs).where(theirs.c[key] == bindparam("own"))
        target.execute(changed.values({name: bindparam(name) for name in later}), links)
    if target.dialect.name == "postgresql":
        _continue_numbers(target, theirs)
    return count


def _continue_numbers(target: Connection, table: Table) -> None:
    """Let PostgreSQL give numbers behind those that were copied."""
    for column in table.primary_key.columns:
        names = {"table": table.name, "column": column.name}
        sequence = target.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), names).scalar()
        if sequence and (last := target.execute(select(func.max(column))).scalar()):
            target.execute(text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last})
