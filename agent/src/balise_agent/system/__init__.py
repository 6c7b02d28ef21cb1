"""The machine that the agent runs on: settings, clock, reactor, identity, hardware, and what is said of its state."""
