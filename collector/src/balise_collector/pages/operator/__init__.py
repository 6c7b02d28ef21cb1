"""The view of the operator: every page, behind a token."""
