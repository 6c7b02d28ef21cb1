"""Every experiment against every box and every ordinary fault: one table, played in the virtual field or with packets.

Lives here: the rows (what is put in force, and what must be seen of it), the scenario that plays one, and the table
that people read (docs/matrix.md). Must not live here: a kind of box (boxes/), or what a verdict rests on.
"""
