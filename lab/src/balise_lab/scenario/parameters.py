"""What a target says to the experiments it is measured with, as a role of a scenario has it.

Lives here: reading the keys of a role into the wire's records of parameters: those that targets always had by the names
they had (``path``, ``http_port``), those of any other experiment below its word (``stun: {port: 3478}``). Must not live
here: any experiment by name, or what its server serves (counterparts).
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from balise_lab.counterparts.engine.registry import COUNTERPARTS, said
from balise_lab.scenario.source import Field
from balise_wire.assignment import FLAT
from balise_wire.experiments import OF_TARGETS, PARAMETERS
from balise_wire.experiments.traits import Parameters
from balise_wire.words import Experiment

_FLAT: Final = {flat: (word, name) for word, names in FLAT.items() for name, flat in names.items()}
"""Key of a role -> experiment and field."""
_BELOW: Final = {
    word.value: word for word in OF_TARGETS if word not in FLAT and msgspec.structs.fields(PARAMETERS[word])
}
"""Key of a role -> experiment whose fields stand below it."""
PARAMETER_KEYS: Final = (*_FLAT, *_BELOW)


def read_parameters(role: Field, keys: Mapping[str, Field], port: int) -> tuple[Parameters, ...]:
    """Return what an endpoint on a port says to every experiment, from the keys of its role."""
    found = said(port)
    for key, field in keys.items():
        if key in _FLAT:
            word, name = _FLAT[key]
            found[word] = _with(found[word], {name: field})
        elif key in _BELOW:
            word = _BELOW[key]
            found[word] = _with(found[word], field.keys(found[word].__struct_fields__))
    records = tuple(found.values())
    for counterpart in COUNTERPARTS.values():
        what, _, mend = counterpart.complaint(records).partition("; ")
        if what:
            role.wrong(what, mend)
    return records


def _with(record: Parameters, fields: Mapping[str, Field]) -> Parameters:
    """Return a record with the fields that are written, each within the wire's bounds."""
    for name, field in fields.items():
        kind = next(one.type for one in msgspec.structs.fields(record) if one.name == name)

        def convert(text: str, kind: object = kind) -> object:
            try:
                return msgspec.convert(text, kind, strict=False)
            except msgspec.ValidationError as error:
                raise ValueError(f"{text!r} cannot be: {str(error)[0].lower()}{str(error)[1:]}") from None

        record = msgspec.structs.replace(record, **{name: field.read(convert, getattr(record, name))})
    return record


def of_experiment(records: tuple[Parameters, ...], word: Experiment) -> Parameters:
    """Return what is said to one experiment."""
    return next((one for one in records if isinstance(one, PARAMETERS[word])), PARAMETERS[word]())
