"""Fingerprints are data in OONI's format; bad data says which line."""

from __future__ import annotations

import pytest

from balise_collector.judge import OWN, read_fingerprints

HEAD = (
    "name,scope,other_names,location_found,pattern_type,pattern,confidence_no_fp,expected_countries,source,exp_url,"
    "notes"
)


def test_a_false_positive_print_clears_a_page() -> None:
    """OONI's ``fp`` prints look like blocks and are none: they win over any other."""
    prints = read_fingerprints(
        [HEAD, "a,isp,,body,contains,Denied,5,PK,ours,,", "b,fp,,header.server,prefix,cloudflare,5,,ours,,"]
    )
    assert prints.page("Access Denied", []) is not None
    assert prints.page("Access Denied", [("Server", "cloudflare-nginx")]) is None


def test_the_shipped_addresses_match() -> None:
    """Iran's forged answers."""
    assert OWN.address("10.10.34.34") is not None
    assert OWN.address("104.244.42.1") is None


@pytest.mark.parametrize(
    "line", ["a,isp,,elsewhere,contains,x,5,PK,ours,,", "a,isp,,body,regexp,(,5,PK,ours,,", "a,isp"]
)
def test_bad_prints_name_their_line(line: str) -> None:
    """The operator's file, so the operator is told where."""
    with pytest.raises(ValueError, match="line 2"):
        read_fingerprints([HEAD, line])


@pytest.mark.parametrize(
    ("scope", "proves"), [("nat", True), ("isp", True), ("prod", False), ("inst", False), ("vbw", False)]
)
def test_only_what_nations_and_providers_show_is_proof(scope: str, *, proves: bool) -> None:
    """Pages of products and institutions stand in offices and homes as well; "varying" says what it is worth."""
    prints = read_fingerprints(
        [HEAD, f"a,{scope},,body,contains,Denied,5,PK,ours,,", f"b,{scope},,dns,full,192.0.2.66,5,PK,ours,,"]
    )
    assert (prints.page("Access Denied", []) is not None) is proves
    assert (prints.address("192.0.2.66") is not None) is proves
