"""What may have happened, weighed: every hypothesis against what each group of probes and controls saw. Pure.

Lives here: the hypotheses, the evidence groups, the table that says what each hypothesis expects of each group, and the
posterior with its explanation. Must not live here: detection, storage, wording, or what is asked of the network.
"""

from balise_collector.incidents.hypotheses.model import Count, Evidence, Group, Hypothesis
from balise_collector.incidents.hypotheses.posterior import Contribution, Posterior, posterior

__all__ = ["Contribution", "Count", "Evidence", "Group", "Hypothesis", "Posterior", "posterior"]
