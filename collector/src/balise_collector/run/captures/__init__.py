"""Captures that others made (pcap, pcapng), judged in pairs: the name in question beside a control name.

Lives here: reading the files (files.py, link.py), their TCP connections as packet evidence (connections.py), and what a
pair shows (pairs.py). All of it is pure. Must not live here: the command (run/commands/captures.py), or the signs of
forgery (judge/injection.py).
"""
