"""`make attack`: one numbered case for each way in which this product was attacked, against real programs.

Lives here: the cases (cases/), and what they stand on: a real broker, a real collector and real agents of one checkout,
each case in namespaces of its own. The checkout may be another commit than the one that these files belong to, so a
case uses programs and documented messages, and runs inner code only with that checkout's own interpreter.
Must not live here: tests of single functions (tests/<member>).
"""
