"""When and what is measured: agenda, tasks, the conductor of plans, and the report that a finished run becomes."""
