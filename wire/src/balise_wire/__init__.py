"""What crosses between a probe and the collector, and nothing else: over MQTT, at enrolment, or by hand on a card.

Here live the envelope, the measurement and its observations, the closed word lists (failures, mechanisms, states), the
topics, the seal (zstd + Ed25519), enrolment's requests, and the settings file of a card (ADR 0013). Here must not live:
sockets, clocks, policy, judgement, or anything only one side of the wire needs. Versioning laws: docs/wire.md.
"""

SCHEMA = 1
"""Version of the wire schema. It grows only when an old reader could misread a new message (docs/wire.md)."""
