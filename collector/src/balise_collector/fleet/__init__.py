"""Who the probes are and what they are asked: registry, catalogue, assignments, authority and enrolment."""
