"""The view of everybody: what may be seen, filtered, late and rounded, in a process of its own."""
