"""The plan of ``clienthello``: the same name in hellos of several forms, at one address.

Must not live here: the bytes of the hellos (codec/clienthello.py), or what a failure means.
"""

from collections.abc import Generator, Sequence
from typing import Final, NamedTuple

from balise_agent.codec.clienthello import Extra, client_hello, cut_in_name, in_two_records
from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.greeting import greet, segments
from balise_agent.experiments.scramble import registrable
from balise_agent.experiments.steps import Failed, Plan, Reply, Step
from balise_agent.experiments.task import Endpoint, Task, carried, noting
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.clienthello import ClienthelloObservation, ClienthelloParameters, HelloForm, form_of
from balise_wire.observations import Observation
from balise_wire.words import Arm, Experiment

_EXTRA: Final = {HelloForm.ECH: Extra.ECH, HelloForm.ESNI: Extra.ESNI}
_LIKE: Final = {HelloForm.ECH: Extra.LIKE_ECH, HelloForm.ESNI: Extra.LIKE_ESNI}
_OTHER_FORMS: Final = (HelloForm.NAMELESS, HelloForm.SEGMENTS, HelloForm.RECORDS)

Trial = Generator[Step, Reply, ClienthelloObservation]


class ClienthelloPlan(ExperimentPlan):
    """The extension is the subject; the same name in the same hello without it is what it is compared with."""

    def sentinel(self, task: Task) -> Plan:
        """Return the plain hello, one with an extension that nobody knows, the extension's, and then the other forms.

        The first that dies ends it: where the plain one does, the name is ``tls``'s business, and what comes behind a
        hello that died may die of it. Where this program does not know the extension the plain one goes alone.
        """
        asked = form_of(task.parameters(ClienthelloParameters).extension)
        forms: tuple[tuple[Arm, HelloForm], ...] = ((Arm.SHAPE, HelloForm.PLAIN),)
        if asked in _EXTRA:
            forms += ((Arm.SHAPE, HelloForm.EXTENSION), (Arm.SUBJECT, asked))
            forms += tuple((Arm.SHAPE, form) for form in _OTHER_FORMS)
        observations: list[Observation] = []
        for number, (arm, form) in enumerate(forms):
            trial = yield from form_trial(task, arm, form, number)
            observations.append(trial)
            if trial.failure is not None:
                break
        return tuple(observations)

    def paired(self, task: Task) -> Plan:
        """Return both controls, the extension twice, the plain hello once more, and the extension with another name.

        The controls are hellos with the subject's own name, so that the extension alone differs. Where either of them
        is not answered one hello with the extension is enough: it is not the extension. The other name tells whether
        the extension alone is what dies, and is asked only where the plain hello is answered again.
        """
        asked = form_of(task.parameters(ClienthelloParameters).extension)
        observations: list[Observation] = list(carried(task.cause))
        controls = []
        forms = (HelloForm.PLAIN, HelloForm.EXTENSION) if asked in _EXTRA else (HelloForm.PLAIN,)
        for number, form in enumerate(forms, 1):
            controls.append((yield from form_trial(task, Arm.SHAPE, form, number)))
            if controls[-1].failure is not None:
                break
        observations += controls
        if asked not in _EXTRA or controls[0].failure is not None:
            return tuple(observations)
        subject = [(yield from form_trial(task, Arm.SUBJECT, asked, 3))]
        if all(one.failure is None for one in controls):
            subject.append((yield from form_trial(task, Arm.SUBJECT, asked, 4)))
        observations += subject
        if subject[-1].failure is None:
            return tuple(observations)
        after = yield from form_trial(task, Arm.AFTER, HelloForm.PLAIN, 5)
        observations.append(after)
        arm, name = task.other_name()
        if after.failure is None and name:
            observations.append((yield from form_trial(task, arm, asked, 6, name)))
        return tuple(observations)

    def load(self, task: Task) -> Load:
        """Return the one endpoint; every hello goes to it."""
        return Load(endpoints=(endpoint(task),), connections=6)


PLAN: Final = ClienthelloPlan()


def endpoint(task: Task) -> Endpoint:
    """Return where every trial goes."""
    return Endpoint(task.address, task.target.port_of(Experiment.CLIENTHELLO))


class _Hello(NamedTuple):
    """A hello as it leaves."""

    pieces: tuple[bytes, ...]
    """Each in a segment of its own."""

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))


def _hello(form: HelloForm, name: str, task: Task, number: int) -> _Hello:
    """Return a hello of a form; all of a run have one shape."""
    asked = form_of(task.parameters(ClienthelloParameters).extension)
    extra = _LIKE[asked] if form is HelloForm.EXTENSION else _EXTRA.get(form)
    sni = None if form is HelloForm.NAMELESS else name
    whole = client_hello(sni, task.seed + number, shape=task.seed, extra=extra)
    if form is HelloForm.SEGMENTS:
        return _Hello(cut_in_name(whole, name, middle(name)))
    return _Hello((in_two_records(whole, name, middle(name)) if form is HelloForm.RECORDS else whole,))


def middle(name: str) -> int:
    """Return the place in the middle of a name's registered label: no keyword of a block list is left whole."""
    labels = name.split(".")
    place = registrable(labels)
    return sum(len(label) + 1 for label in labels[:place]) + (len(labels[place]) + 1) // 2


@noting
def form_trial(task: Task, arm: Arm, form: HelloForm, number: int, name: str = "") -> Trial:
    """Return a trial of one hello; with the subject's name unless another is given."""
    at, said = endpoint(task), name or task.target.host
    hello = _hello(form, said, task, number)
    sni = None if form is HelloForm.NAMELESS else said
    seen = yield from greet(task, at, hello.pieces)
    if isinstance(seen, Failed):
        return ClienthelloObservation(
            arm=arm, at=seen.at, failure=seen.failure, elapsed_ms=seen.elapsed_ms, packets=seen.packets,
            flood_bytes=seen.flood, address=at.host, port=at.port, sni=sni, form=form,
        )  # fmt: skip
    return ClienthelloObservation(
        arm=arm,
        at=seen.at,
        failure=seen.failure,
        elapsed_ms=seen.elapsed_ms,
        packets=seen.packets,
        flood_bytes=seen.flood,
        address=at.host,
        port=at.port,
        sni=sni,
        form=form,
        connect_ms=seen.connect_ms,
        bytes_received=len(seen.data),
        record=seen.record,
        hello_bytes=hello.size,
        segments=segments(seen.packets),
        whole=in_one(seen.packets, len(hello.pieces[0])) if len(hello.pieces) > 1 else None,
        wire_bytes=seen.arrived,
    )


def in_one(packets: Sequence[Packet], first: int) -> bool | None:
    """Tell whether more than the first piece left in one segment: a kernel may join what it sends again."""
    left = [one for one in packets if one.direction is Direction.OUT and one.length]
    if not left:
        return None
    begins = min(one.seq for one in left)
    return any(one.seq == begins and one.length > first for one in left)
