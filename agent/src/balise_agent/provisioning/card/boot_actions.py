"""The two actions of root: read the card before the agent starts, write the status back while it runs.

Lives here: the order in which files are read and written. What was read first reaches the data partition and the
system, then the card; each part that fails is told and keeps none of the others. Must not live here: what follows from
what (merge, overlay, network, wording), or the command line.
"""

import contextlib
import dataclasses
import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from balise_agent.provisioning.card import boot_partition, network, store, wiping, wording
from balise_agent.provisioning.card.choice import choose
from balise_agent.provisioning.card.merge import Merged, digest, merge
from balise_agent.provisioning.card.overlay import overlay
from balise_agent.provisioning.card.reading import CardReading
from balise_agent.provisioning.card.store import CardMemory
from balise_agent.system import disk

_log = logging.getLogger(__name__)

SUPPLICANT: Final = f"{network.WIRELESS}.conf"
AUTHORIZED: Final = "authorized_keys"


@dataclass(frozen=True)
class Places:
    """Where everything is."""

    card: Path
    data: Path
    links: Path
    """For systemd-networkd: a folder below /run, written anew at each start."""
    run: Path
    """For wpa_supplicant and sshd, below /run as well."""
    also: tuple[Path, ...] = ()
    """Folders that a wipe empties, too."""


@dataclass(frozen=True)
class ActionOutcome:
    """What an action came to."""

    told: str
    """The status as it was to be written, without secrets."""
    failures: tuple[str, ...] = ()
    """What could not be written, and why."""


def read_card(places: Places, now: float) -> ActionOutcome:
    """Read the card, and put everything where the system and the agent look for it.

    Args:
        places: the folders.
        now: UNIX seconds on the box's clock.
    """
    failures: list[str] = []
    found = boot_partition.look(places.card)
    with _noting(failures, "the wipe"):
        if wiping.wanted(places.data) or found.asks("wipe"):
            for step in wiping.wipe(places.data, card=places.card, also=places.also, now=now):
                _log.info("wipe: %s", step)
            found = boot_partition.look(places.card)
    chosen, about_files = choose(found.candidates)
    reading = chosen.reading if chosen else CardReading(None)
    reading = dataclasses.replace(reading, findings=about_files + reading.findings)
    memory = store.recall(places.data)
    enrolled = store.is_enrolled(places.data)
    wiped = store.marks(places.data, store.WIPED) or store.marks(places.data, store.WIPING)
    tokens = frozenset(wiped.tokens if wiped else ())
    merged = merge(reading, memory.settings, enrolled=enrolled, wiped=tokens)
    # Only a token that was never here ends the silence after a wipe, and only a wipe that reached its end.
    silent = wiped is not None and (not merged.settings.token or wiping.wanted(places.data))
    if silent:
        merged = dataclasses.replace(merged, consented=False, complete=False)
    memory = _remembering(memory, merged)
    paused = found.asks("pause")
    with _noting(failures, "the data partition"):
        paused = _pause(places.data, asked=paused)
        if not silent:
            _keep(places.data, memory, merged)
    with _noting(failures, "the system's settings"):
        _write_links(places.links, network.links(merged, wired=memory.wired, wireless=memory.wireless))
        _write_run(places.run, merged)
    state = wording.WIPED if silent else wording.starting_part(merged, paused=paused)
    notes = wording.settings_part(merged.findings)
    with _noting(failures, "the data partition"):
        disk.replace(places.data / store.NOTES, notes.encode(), draft=store.DRAFT)
    told = wording.whole("\n".join([state, *wording.failures_part(failures)]), notes, at=now)
    with _noting(failures, "the card"):
        if enrolled and digest(merged.settings.token) in {"", store.spent(places.data)}:
            boot_partition.blank_secrets(places.card, found.candidates)
        boot_partition.write_status(places.card, told)
    return ActionOutcome(told, tuple(failures))


def write_card(card: Path, data: Path, status: Path) -> ActionOutcome:
    """Copy the agent's status onto the card, and blank the secrets there once they are used.

    Args:
        card: the FAT partition.
        data: the data partition.
        status: the agent's own text.
    """
    failures: list[str] = []
    state = (disk.content(status) or b"").decode("utf-8", errors="replace")
    notes = (disk.content(data / store.NOTES) or b"").decode("utf-8", errors="replace")
    if (data / store.WIPED).exists() or wiping.wanted(data):
        # The last words of an agent that a wipe has just ended.
        state = wording.WIPED
    told = wording.whole(state or "No status yet.", notes)
    with _noting(failures, "the card"):
        if store.is_enrolled(data):
            found = boot_partition.look(card)
            chosen, _ = choose(found.candidates)
            settings = chosen.reading.settings if chosen else None
            if digest(settings.token if settings else "") in {"", store.spent(data)}:
                boot_partition.blank_secrets(card, found.candidates)
        boot_partition.write_status(card, told)
    return ActionOutcome(told, tuple(failures))


@contextlib.contextmanager
def _noting(failures: list[str], what: str) -> Iterator[None]:
    """Let a part fail by itself: a full or worn-out partition must not keep the others from being written."""
    try:
        yield
    except OSError as error:
        failures.append(f"{what} cannot be written: {error.strerror}")
        _log.error("%s cannot be written: %s", what, error)


def _remembering(memory: CardMemory, merged: Merged) -> CardMemory:
    """Return the memory with the settings in force, and with addresses that are made up once."""
    return CardMemory(
        settings=merged.settings,
        wired=memory.wired or network.made_up(secrets.token_bytes(6)),
        wireless=memory.wireless or network.made_up(secrets.token_bytes(6)),
    )


def _keep(data: Path, memory: CardMemory, merged: Merged) -> None:
    """Write what the agent reads and what the next start remembers; a new token ends a wipe's silence (OSError)."""
    text = overlay(merged.settings, consented=merged.consented)
    disk.replace(data / store.OVERLAY, text.encode(), draft=store.DRAFT, like=data)
    store.remember(data, memory)
    if (data / store.WIPED).exists():
        (data / store.WIPED).unlink()
        disk.sync(data)


def _pause(data: Path, *, asked: bool) -> bool:
    """Follow the card's pause file; a pause by command is not the card's to end. Return whether it is paused."""
    path = data / store.PAUSED
    if asked and not path.exists():
        disk.replace(path, store.BY_CARD, draft=store.DRAFT, like=data)
    elif not asked and disk.content(path) == store.BY_CARD:
        path.unlink()
        disk.sync(data)
    return path.exists()


def _write_links(folder: Path, texts: dict[str, str]) -> None:
    """Write networkd's files, and remove ours that are no longer meant (OSError)."""
    for name in network.LINK_FILES:
        if name not in texts:
            (folder / name).unlink(missing_ok=True)
    for name, text in texts.items():
        _folder((folder / name).parent)
        disk.replace(folder / name, text.encode(), draft="new", mode=0o644)


def _write_run(folder: Path, merged: Merged) -> None:
    """Write or remove the files for Wi-Fi and for logging in (OSError)."""
    _folder(folder)
    texts = {
        SUPPLICANT: network.supplicant(merged.settings) if merged.consented else None,
        AUTHORIZED: merged.settings.ssh.key + "\n" if merged.consented and merged.settings.ssh.key else None,
    }
    for name, text in texts.items():
        if text is None:
            (folder / name).unlink(missing_ok=True)
        else:
            disk.replace(folder / name, text.encode(), draft="new")


def _folder(path: Path) -> None:
    """Make a folder that everybody may enter, whatever the umask."""
    for missing in reversed([path, *path.parents]):
        if not missing.exists():
            missing.mkdir()
            missing.chmod(0o755)
