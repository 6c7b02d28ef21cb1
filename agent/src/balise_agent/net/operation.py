"""An operation: the steps that carry out one step of an experiment, and return the reply to it."""

from balise_agent.experiments.steps import Reply
from balise_agent.system.task import Steps

Operation = Steps[Reply]
