"""Experiment ``vpn``: does a handshake of a VPN protocol get through? See docs/experiments/vpn.md."""
