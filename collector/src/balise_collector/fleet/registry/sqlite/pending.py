"""Strangers who ask to be approved."""

from typing import Final

from balise_collector.fleet.members import Pending
from balise_collector.fleet.registry.sqlite.tables import RegistryTables

_PENDING_MOST: Final = 1000
"""Strangers remembered; a flood of invented ids ends here."""
_PENDING_EVERY: Final = 300.0
"""Seconds within which the same word of a stranger is not written down again: each writing waits for the disk."""


class SqlitePending(RegistryTables):
    """The table ``pending``."""

    def note_pending(self, pending: Pending) -> None:
        """Remember a stranger for the operator; a flood of strangers pushes the longest silent ones out."""
        known = self._db.execute(
            "SELECT public_key, country, asn, access, role, software FROM pending WHERE id = ? AND last_seen > ?",
            (pending.id, pending.last_seen - _PENDING_EVERY),
        ).fetchone()
        if known == (
            pending.public_key, pending.country, pending.asn, pending.access, pending.role, pending.software,
        ):  # fmt: skip
            return
        with self._changing() as db:
            db.execute(
                "INSERT INTO pending VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET"
                " public_key = excluded.public_key, country = excluded.country, asn = excluded.asn,"
                " access = excluded.access, role = excluded.role, software = excluded.software,"
                " last_seen = excluded.last_seen",
                (
                    pending.id, pending.public_key, pending.country, pending.asn, pending.access, pending.role,
                    pending.software, pending.first_seen, pending.last_seen,
                ),
            )  # fmt: skip
            db.execute(
                "DELETE FROM pending WHERE id IN (SELECT id FROM pending ORDER BY last_seen DESC LIMIT -1 OFFSET ?)",
                (_PENDING_MOST,),
            )

    def pending(self) -> list[Pending]:
        """Return who waits for approval, longest waiting first."""
        rows = self._db.execute(
            "SELECT id, public_key, country, asn, access, role, software, first_seen, last_seen FROM pending"
            " ORDER BY first_seen, id"
        )
        return [Pending(**dict(zip(Pending.__struct_fields__, row, strict=True))) for row in rows]
