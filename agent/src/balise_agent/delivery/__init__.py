"""From a recorded measurement to the receipt for it: spool, broker connection, and what travels over it."""
