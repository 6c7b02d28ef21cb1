"""Tests of the matrix: every experiment against every box and every ordinary fault."""
