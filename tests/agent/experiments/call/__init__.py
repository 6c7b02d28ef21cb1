"""Tests of the call experiment."""
