"""What kills the chaos of the lab's tests: how many programs, and the seed that draws which and when."""

KILLS = 20
SEED = 20
