"""Tests of the clienthello experiment."""
