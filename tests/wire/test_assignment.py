"""What a target says to an experiment: in a record, and where programs up to commit 3e87f94 look for the same."""

from __future__ import annotations

import msgspec
import pytest

from balise_wire.assignment import FLAT, Assignment, ParameterTable, Target, Timetable
from balise_wire.experiments import OF_TARGETS, PARAMETERS, REGISTRY
from balise_wire.experiments.http import HttpParameters
from balise_wire.experiments.tcp import TcpParameters
from balise_wire.experiments.tls import TlsParameters
from balise_wire.words import Experiment, TargetRole

TARGET = Target(id="s/web/h/4", service="s", role=TargetRole.WEB, host="h", experiments=OF_TARGETS)


def test_an_old_assignment_says_it_in_the_targets_own_fields() -> None:
    """What was assigned before there were records means what it meant."""
    old = msgspec.structs.replace(TARGET, path="/a", http_port=8080, fetch_bytes=7, other_port=22)
    assert old.parameters_of(HttpParameters) == HttpParameters(path="/a", port=8080, fetch_bytes=7)
    assert old.parameters_of(TcpParameters) == TcpParameters(other_port=22)
    assert old.parameters_of(TlsParameters) == TlsParameters()


def test_a_record_is_said_twice_for_as_long_as_there_are_old_probes() -> None:
    """Both say the same, and the record is what this version goes by."""
    asked = HttpParameters(path="/b", port=443)
    new = TARGET.saying(asked, TcpParameters(other_port=80))
    assert (new.path, new.http_port, new.fetch_bytes, new.other_port) == ("/b", 443, 16_384, 80)
    assert new.parameters_of(HttpParameters) is asked
    assert msgspec.structs.replace(new, path="/old").parameters_of(HttpParameters) is asked
    assert new.saying(TcpParameters()).parameters_of(HttpParameters) is asked
    assert msgspec.json.decode(msgspec.json.encode(new), type=Target) == new


SINCE = {Experiment.TCP: {"siblings"}}
"""Parameters that older programs have no field for: they do without."""


def test_every_flat_field_has_its_place_in_a_record() -> None:
    """The defaults agree too: a target that says nothing says the same in both ways."""
    for word, fields in FLAT.items():
        assert {name: getattr(PARAMETERS[word](), name) for name in fields} == {
            name: getattr(TARGET, field) for name, field in fields.items()
        }
        assert set(fields) == set(PARAMETERS[word].__struct_fields__) - SINCE.get(word, set())


def test_a_record_for_an_experiment_of_tomorrow_costs_nothing() -> None:
    """The table is read by the words that are known."""
    raw = msgspec.json.decode(msgspec.json.encode(TARGET.saying(HttpParameters(path="/c"))))
    raw["parameters"]["ech"] = {"port": 443}
    raw["parameters"]["http"]["cookies"] = [1]
    assert msgspec.convert(raw, Target).parameters_of(HttpParameters).path == "/c"
    assert ParameterTable.__struct_encode_fields__ == tuple(word.value for word in OF_TARGETS)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"path": "x"}, "http: Expected `str` matching regex"),
        ({"path": "/a b"}, "http: Expected `str` matching regex"),
        ({"path": "/a\n"}, "http: Expected `str` matching regex"),
        ({"path": "/" + 1024 * "a"}, "http: Expected `str` of length <= 1024"),
        ({"http_port": 0}, "http: Expected `int` >= 1"),
        ({"other_port": 65_536}, "tcp: Expected `int` <= 65535"),
        ({"other_port": 65_536, "experiments": (Experiment.DNS,)}, ""),
    ],
)
def test_what_is_out_of_bounds_is_told(changes: dict[str, object], told: str) -> None:
    """The bounds stand at the record's fields, and hold for what an old assignment says as well."""
    assert msgspec.structs.replace(TARGET, **changes).complaint().startswith(told)
    assert bool(msgspec.structs.replace(TARGET, **changes).complaint()) is bool(told)


def test_a_record_out_of_bounds_is_not_read() -> None:
    """A probe takes an assignment target by target: it costs this one."""
    raw = msgspec.json.decode(msgspec.json.encode(TARGET.saying(HttpParameters())))
    raw["parameters"]["http"]["port"] = 0
    with pytest.raises(msgspec.ValidationError, match=r"http\.port"):
        msgspec.convert(raw, Target)


def test_how_often_an_experiment_has_a_turn() -> None:
    """By the figure that its traits name; in each interval where they name none."""
    timetable = Timetable(hello_every=3, http_every=12)
    every = {word: timetable.every(word) for word in (*REGISTRY, Experiment.UNKNOWN)}
    assert {word: n for word, n in every.items() if n != 1} == {
        Experiment.TLS: 3, Experiment.HTTP: 12, Experiment.THROUGHPUT: 12, Experiment.CALL: 12, Experiment.VPN: 12,
        Experiment.CLIENTHELLO: 288,
    }  # fmt: skip


def test_nothing_more_is_written_for_a_target_that_says_nothing() -> None:
    """An assignment without records has the bytes that it had."""
    assert b"parameters" not in msgspec.json.encode(Assignment(version=1, catalogue="", expires=0.0, targets=(TARGET,)))
