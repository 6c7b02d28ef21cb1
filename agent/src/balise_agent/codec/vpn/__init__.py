"""Handshakes of VPN protocols between a probe and the operator's helper, and packets of their sizes that are none."""
