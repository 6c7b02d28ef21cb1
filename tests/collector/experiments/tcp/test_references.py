"""What references' SYNs leave behind: which address and port answered, and when."""

from __future__ import annotations

from balise_collector.judge import Seen, Tally
from tests.testbed.cases import EARLIER, Case


def test_each_address_and_port_is_remembered_by_itself(case: Case) -> None:
    """A dead address is blocked only where references reached the very same one."""
    case.abroad(case.syns(2))
    assert case.references.at_address(case.address, 443, EARLIER, EARLIER + 120).during == Tally(ok=3)
    assert case.references.at_address(case.address, 80, EARLIER, EARLIER + 120) == Seen()


def test_the_silence_that_a_limited_board_heard_is_none(case: Case) -> None:
    """A reference that lost packets says of no address that it is dead, and of one that answered that it lives."""
    case.abroad(case.syns(0), tap_drops=9)
    assert case.references.at_address(case.address, 443, EARLIER, EARLIER + 120) == Seen()
    case.abroad(case.syns(2), tap_drops=9)
    assert case.references.at_address(case.address, 443, EARLIER, EARLIER + 120).during == Tally(ok=3)
