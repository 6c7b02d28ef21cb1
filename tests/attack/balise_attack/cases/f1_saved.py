"""Field 1: a power cut leaves zeros in what the broker saved; it comes up again, and nothing is lost."""

from collections.abc import Callable

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.topics import Leaf

_DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "zeros": lambda good: bytes(len(good)),
    "first page lost": lambda good: bytes(4096) + good[4096:],
    "cut in half": lambda good: good[: len(good) // 2],
}
_TRIES = 3


def run(bed: Bed) -> Outcome:
    """Damage mosquitto.db in three ways, each time under a collector that runs; start the broker as its unit does."""
    centre = Centre(bed)
    centre.start()
    probe = centre.connect(centre.enrol(FieldProbe("k7m2q9xd")))
    up, told = 0, 0
    for damage in _DAMAGES.values():
        probe.send(Leaf.MEASUREMENT, probe.batch(probe.measurement(centre.now()), sent_at=centre.now()))
        wanted = probe.sequence
        bed.until(lambda wanted=wanted: probe.through >= wanted, 10.0)  # type: ignore[misc]
        probe.leave()
        bed.stop("mosquitto")
        file = centre.files / "mosquitto.db"
        file.write_bytes(damage(file.read_bytes()))
        if not _start(centre):
            break
        up += 1
        # What was retained is gone with the file: the collector says it again.
        probe.retained.clear()
        probe.receipts.clear()
        centre.wait_for("collector", ": connected", up + 1)
        centre.connect(probe)
        told += bed.until(lambda wanted=wanted: "assignment" in probe.retained and probe.through >= wanted, 15.0)  # type: ignore[misc]
    lost = probe.sequence - centre.journalled("k7m2q9xd")
    figure = (
        f"{up} of {len(_DAMAGES)} damaged files outlived, {told} times task and receipt came again, "
        f"{lost} of {probe.sequence} results lost"
    )
    return Outcome(up == told == len(_DAMAGES) and lost == 0, figure)


def _start(centre: Centre) -> bool:
    """Start the broker as the shipped unit does, some times over; whether it came to stay."""
    bed = centre.bed
    unit = (bed.checkout / "collector/systemd/mosquitto.service.d/balise.conf").read_text(encoding="utf-8")
    before = [line.removeprefix("ExecStartPre=") for line in unit.splitlines() if line.startswith("ExecStartPre=")]
    for _ in range(_TRIES):
        for command in filter(None, before):
            words = command.lstrip("-").replace("/etc/balise/broker", str(centre.files)).split()
            bed.call(words)
        running = bed.said("mosquitto").count(" running")
        environment = {"OPENSSL_CONF": str(centre.files / "openssl.cnf")}
        bed.start("mosquitto", [bed.tool("mosquitto"), "-c", centre.files / "mosquitto.conf"], environment)
        bed.until(lambda: bed.said("mosquitto").count(" running") > running or not bed.alive("mosquitto"), 10.0)  # noqa: B023
        if bed.alive("mosquitto"):
            return True
    return False


CASES = (Case("f1", "a power cut leaves zeros in mosquitto.db", run, seconds=120.0),)
