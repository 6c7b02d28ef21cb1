"""The list of kinds is whole: every kind has a meaning, a stage and known parameters."""

import msgspec
import pytest

from balise_lab.field.network.effects import ACTS, KINDS, PLACE, SETTINGS, STAGE, TAKES, Effect


def test_every_parameter_is_explained_and_taken_by_a_kind() -> None:
    """No parameter without a meaning, none that no kind takes, none taken that the record does not have."""
    taken = {name for names in TAKES.values() for name in names}
    fields = {field.name for field in msgspec.structs.fields(Effect)}
    assert taken == set(SETTINGS) <= fields
    assert list(SETTINGS) == sorted(SETTINGS)


def test_every_kind_has_its_stage_and_place() -> None:
    """Kinds, stages, places and ways belong together; whoever has ways takes ``act``."""
    assert set(KINDS) == set(STAGE) == set(PLACE) == set(TAKES)
    assert all(KINDS.values())
    assert all("act" in TAKES[kind] for kind in ACTS)
    assert all(Effect(kind=kind, act=act).complaint() == "" for kind, acts in ACTS.items() for act in acts)


def test_an_effect_is_read_from_a_mapping() -> None:
    """Situations are data: an unknown key is refused by the reader."""
    read = msgspec.convert({"kind": "sni.rst", "countries": ["PK"], "duty": [300, 300], "marks": "gfw2"}, Effect)
    assert read.complaint() == ""
    assert read.duty == (300.0, 300.0)
    with pytest.raises(msgspec.ValidationError, match="countrys"):
        msgspec.convert({"kind": "sni.rst", "countrys": ["PK"]}, Effect)
