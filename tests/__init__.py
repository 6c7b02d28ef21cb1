"""Tests, in folders that mirror the tree; packages, so that what they share is imported and typed."""
