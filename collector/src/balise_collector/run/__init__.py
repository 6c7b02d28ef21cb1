"""The programs: the command line, the collector and its threads, the public server, back-ups."""
