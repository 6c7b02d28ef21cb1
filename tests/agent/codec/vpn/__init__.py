"""Tests of the handshakes' packets."""
