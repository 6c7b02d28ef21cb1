"""How a board becomes a probe: the settings file on the card, and enrolment for its certificate."""
