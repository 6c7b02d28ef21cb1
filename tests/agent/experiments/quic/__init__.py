"""Tests of the quic experiment."""
