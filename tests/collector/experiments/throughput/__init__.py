"""Tests of the throughput experiment."""
