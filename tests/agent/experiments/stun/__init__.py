"""Tests of the stun experiment."""
