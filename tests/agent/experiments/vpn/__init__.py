"""Tests of the vpn experiment."""
