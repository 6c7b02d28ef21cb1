"""What people read: server-rendered pages and the JSON interface, from one read-only view of what was concluded.

Lives here: layout, drawing and the words' places. Must not live here: the words themselves (wording.py, report.py),
conclusions, or anything that writes.
"""
