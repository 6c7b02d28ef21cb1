"""Backup and restore of everything that cannot be made again: keys, authority, registry, journal, releases. One file.

``parts`` names what belongs, ``sealed`` encrypts a stream, ``write`` and ``read`` do the work. What is computed from
the journal (``derived.sqlite``) is left out: a restored collector judges it anew. Must not live here: the command line.
"""

from balise_collector.run.backup.read import Found, examine, restore
from balise_collector.run.backup.write import back_up

__all__ = ["Found", "back_up", "examine", "restore"]
