"""Our own failures in the net layer: exceptions, counted in health, said in the measurement, never the network's."""


class LinkUnusable(Exception):
    """This machine cannot measure (no right, no interface, no resolver); the message says the mend."""


class Refused(Exception):
    """Our own policy forbids this destination, or the budget is spent; nothing was sent."""
