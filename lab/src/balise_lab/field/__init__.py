"""The virtual field: the real probe and the real centre over a modelled network, on a clock that only the model moves.

Lives here: what lets agent and collector run in one process without a socket, a file, a thread or a wait; situations as
data, and whether what was said of them is right (docs/field.md). ``network/`` is the model of the internet between
them, and shares no code with what is judged. Must not live here: a judgement, a rule or a bound of the product's own;
where a part of it cannot be used, the seam is cut there.
"""
