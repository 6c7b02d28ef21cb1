"""What is in the way, what is asked, when again, and which settings an enrolment leads to: all without a network."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.provisioning.enrolment import decide
from balise_agent.provisioning.enrolment.request import (
    EnrolmentEndpoint,
    certificate_request,
    front,
    http_request,
    read_answer,
    read_response,
)
from balise_agent.system.config import Config, ConsentSettings, NetworkSettings
from balise_agent.system.config import EnrolmentSettings as Wish
from balise_agent.system.identity import Identity, ephemeral
from balise_agent.system.problems import PROBLEMS, ProblemId, Trouble
from balise_wire.card import CONSENT_VERSION
from balise_wire.enrolment import ENROL_PATH, RENEW_PATH, Enrolment, FrontDoor
from balise_wire.words import Access, ProbeRole, Profile
from tests.agent.provisioning.enrolment.conftest import FrontDoors

KEY = ephemeral().key
READY = Config(
    enrolment=Wish(urls=("https://front.example",), fingerprint="ab" * 32),
    consent=ConsentSettings(version=CONSENT_VERSION, accepted=True),
)


@pytest.mark.parametrize(
    ("config", "facts", "problem"),
    [
        (READY, {}, None),
        (READY, {"token": ""}, ProblemId.TOKEN_MISSING),
        (READY, {"token": "", "damaged": True}, None),
        (READY, {"paused": True}, ProblemId.PAUSED),
        (Config(), {"token": ""}, ProblemId.SETTINGS_MISSING),
        (Config(consent=READY.consent), {}, ProblemId.SETTINGS_MISSING),
        (Config(enrolment=READY.enrolment), {}, ProblemId.CONSENT_MISSING),
        (Config(enrolment=READY.enrolment), {"paused": True}, ProblemId.CONSENT_MISSING),
        (
            Config(enrolment=READY.enrolment, consent=ConsentSettings(version="x", accepted=True)),
            {},
            ProblemId.CONSENT_OUTDATED,
        ),
    ],
)
def test_one_thing_is_in_the_way_at_a_time(config: Config, facts: dict[str, Any], problem: ProblemId | None) -> None:
    """Consent first: whatever else is wrong, nothing is sent without it."""
    found = decide.obstacle(config, **{"token": "t", "paused": False, "damaged": False, **facts})
    assert (found.id if found else None) is problem


def test_a_laboratory_has_no_host_whose_text_could_change() -> None:
    """There any version counts; consent itself is still asked for."""
    laboratory = msgspec.structs.replace(
        READY,
        network=NetworkSettings(laboratory=("127.0.0.0/8",)),
        consent=ConsentSettings(version="laboratory", accepted=True),
    )
    assert decide.consent_trouble(laboratory) is None
    refused = msgspec.structs.replace(laboratory, consent=ConsentSettings(version="laboratory"))
    assert decide.consent_trouble(refused) is not None


@pytest.mark.parametrize(
    ("token", "known", "last", "path"),
    [
        ("t", False, None, ENROL_PATH),
        ("", False, None, ENROL_PATH),
        ("", True, None, RENEW_PATH),
        ("t", True, None, ENROL_PATH),
        ("t", True, ProblemId.TOKEN_SPENT, RENEW_PATH),
        ("t", True, ProblemId.ENROLMENT_UNREACHABLE, ENROL_PATH),
    ],
)
def test_the_key_goes_on_where_the_token_ends(token: str, known: bool, last: ProblemId | None, path: str) -> None:
    """A probe that is known renews; a new token on the card enrols again."""
    assert decide.path(token=token, known=known, last=Trouble(id=last) if last else None) == path


def test_a_round_over_all_fronts_is_quick_and_the_next_one_is_not() -> None:
    """Full jitter between the rounds, within bounds, growing; a refusal waits longer than silence."""
    silence, refusal = Trouble(id=ProblemId.ENROLMENT_UNREACHABLE), Trouble(id=ProblemId.TOKEN_UNKNOWN)
    assert decide.pause(silence, 1, 3, 0.99) < 1.0
    assert decide.pause(silence, 2, 3, 0.99) < 1.0
    rounds = [decide.pause(silence, 3 * number, 3, 0.999) for number in range(1, 12)]
    assert rounds == sorted(rounds)
    assert rounds[0] < 6.0
    assert 599.0 < rounds[-1] <= 600.0
    assert decide.pause(silence, 3, 3, 0.0) == 1.0
    assert decide.pause(refusal, 1, 3, 0.999) > 299.0
    assert decide.pause(refusal, 40, 3, 0.999) <= 3600.0


def test_the_brokers_come_in_their_order_and_literal_addresses_last(doors: FrontDoors, identity: Identity) -> None:
    """What the collector said replaces who we are; what the host said stays."""
    doors.brokers = (
        FrontDoor(host="192.0.2.7"),
        FrontDoor(host="a.example", transport="websockets", path="/x"),
        FrontDoor(host="2001:db8::1", port=8883),
        FrontDoor(host="b.example"),
    )
    enrolment = msgspec.structs.replace(
        doors.enrolment(certificate_request(identity.key)), profile=Profile.LEAN, region="PK-SD"
    )
    found = decide.enrolled(READY, enrolment, decide.Pems("ca", "cert", "key"))
    assert [broker.host for broker in found.broker] == ["a.example", "b.example", "192.0.2.7", "2001:db8::1"]
    assert all(broker.tls and broker.ca_file == "ca" and broker.key_file == "key" for broker in found.broker)
    assert (found.broker[0].transport, found.broker[0].path) == ("websockets", "/x")
    assert (found.probe.id, found.probe.profile, found.probe.region) == ("k7m2q9xd", Profile.LEAN, "PK-SD")
    assert found.by_hand
    assert found.consent == READY.consent


def test_words_of_a_newer_collector_cost_only_themselves() -> None:
    """The board enrols all the same: the card's own words stand, and the line is used least."""
    enrolment = Enrolment(
        probe="k7m2q9xd", certificate="", authority="", collector="0" * 64,
        brokers=(FrontDoor(host="a.example", transport="carrier-pigeon"), FrontDoor(host="b.example")),
        access=Access("laser"), role=ProbeRole("beacon"), profile=Profile("whispering"),
    )  # fmt: skip
    found = decide.enrolled(READY, enrolment, decide.Pems("ca", "cert", "key")).probe
    assert (found.access, found.role, found.profile) == (Access.FIXED, ProbeRole.PROBE, Profile.METERED)
    assert [broker.host for broker in decide.enrolled(READY, enrolment, decide.Pems("a", "b", "c")).broker] == [
        "b.example"
    ]
    refused = read_answer(403, b'{"refused":"moon_in_the_wrong_house"}')
    assert isinstance(refused, Trouble)
    assert refused.id is ProblemId.REFUSED_NEWER


def test_renewal_is_due_when_a_third_of_the_life_is_left(doors: FrontDoors, identity: Identity) -> None:
    """Thirty days of ninety."""
    doors.days = (0, 90)
    found = decide.life(doors.enrolment(certificate_request(identity.key)))
    assert round((found.ends - found.renew_at) / 86_400) == 30


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"probe": "collector"}, "no probe id"),
        ({"probe": "+/#"}, "no probe id"),
        ({"collector": "ab"}, "no collector key"),
        ({"brokers": ()}, "no broker"),
        ({"brokers": (FrontDoor(host="x", transport="carrier-pigeon"),)}, "a broker that is none"),
        ({"certificate": "x"}, "no certificate"),
        ({"authority": ""}, "no certificate"),
    ],
)
def test_an_answer_is_held_against_what_we_know(
    doors: FrontDoors, identity: Identity, changes: dict[str, Any], told: str
) -> None:
    """Even from the pinned collector: a mistake there must not cost the probe its working settings."""
    enrolment = msgspec.structs.replace(doors.enrolment(certificate_request(identity.key)), **changes)
    fingerprint = doors.authority.fingerprint
    assert decide.believed(enrolment, key=identity.key.public_key(), fingerprint=fingerprint) == told


def test_a_request_names_its_host_as_browsers_do() -> None:
    """The port only where it is not the usual one; IPv6 in brackets (RFC 9110 7.2)."""
    assert front("https://front.example") == EnrolmentEndpoint("front.example", 443)
    assert b"Host: front.example\r\n" in http_request(front("https://front.example:443"), "/enrol", b"")
    assert b"Host: [2001:db8::1]:8443\r\n" in http_request(front("https://[2001:db8::1]:8443"), "/enrol", b"")


def test_every_problem_has_words_and_none_names_the_product() -> None:
    """They stand on a card beside somebody's other files."""
    assert set(PROBLEMS) == set(ProblemId)
    for problem in PROBLEMS.values():
        text = f"{problem.told} {problem.mend}".lower()
        assert not {"balise", "probe", "beacon", "censor", "mqtt"} & set(text.replace(".", " ").split())
        assert problem.told.endswith(".")
        assert problem.mend.endswith(".")


@given(data=st.binary(max_size=300), ended=st.booleans())
def test_no_bytes_from_the_network_raise(data: bytes, *, ended: bool) -> None:
    """Whatever a server sends is an enrolment, a trouble, or not yet enough."""
    for start in (
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n{",
    ):
        found = read_response(start + data, ended=ended)
        assert found is None or isinstance(found, Trouble)
        assert not ended or found is not None


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(changes=st.dictionaries(st.sampled_from(Enrolment.__struct_fields__), JUNK, max_size=3))
def test_no_answer_however_strange_is_lived_by_or_raises(changes: dict[str, Any]) -> None:
    """A collector with a bug cannot crash a board."""
    good = {"probe": "k7m2q9xd", "certificate": "", "authority": "", "collector": "ab" * 32, "brokers": [{"host": "x"}]}
    answer = read_answer(200, msgspec.json.encode({**good, **changes}))
    if isinstance(answer, Enrolment):
        assert decide.believed(answer, key=KEY.public_key(), fingerprint="") != ""
