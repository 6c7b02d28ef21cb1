"""Wiping: the key first, so that what is cut short is already worthless; then everything else; then silence.

Lives here: the order of the steps. A mark is set before the first and renamed after the last, so that a wipe that lost
its power goes on at the next start, before anything else runs. Nobody may undo it: a wiped box needs a new token. What
earlier programs left in free space (logs, replaced files) is discarded, or overwritten for as long as a start may take,
where the folder has a file system of its own. A card's controller may keep old copies of what was overwritten;
docs/card.md says so. Must not live here: who asked.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from balise_agent.provisioning.card import boot_partition, merge, store, wording
from balise_agent.system import disk
from balise_agent.system.errors import ConfigError
from balise_agent.system.identity import KEY_FILE

_KEYS: Final = (KEY_FILE, "enrolment/client.key")
"""What makes this board the probe that it was; without them nobody can speak as it, nor prove that it spoke."""
_FILLED: Final = ".filled"
_FILL_SECONDS: Final = 60.0
"""Real seconds for free space that the disk does not discard; the unit that waits for it gives up after 180."""
_NEXT: Final = ("spool.sqlite*", "enrolment", store.OVERLAY, store.MEMORY)


def wanted(data: Path) -> bool:
    """Tell whether a wipe began and did not end."""
    return (data / store.WIPING).exists()


def begin(data: Path, *, card: Path | None) -> None:
    """Set the mark that stops a running agent and keeps any other from starting (OSError)."""
    store.mark(data, store.WIPING, _tokens(data, boot_partition.look(card) if card else boot_partition.BootPartition()))


def refuse(data: Path) -> None:
    """Refuse to be a probe in a wiped folder (ConfigError)."""
    if wanted(data):
        raise ConfigError(f"{data}: a wipe is not finished; run `balise-agent wipe --yes`")
    if (data / store.WIPED).exists():
        raise ConfigError(
            f"{data}: this machine was wiped and stays silent; put a settings file with a new token on the card, "
            f"or remove {store.WIPED} there and enrol anew"
        )


def wipe(data: Path, *, card: Path | None, also: Sequence[Path] = (), now: float) -> Generator[str, None, None]:
    """Destroy everything that this board knows; each step is named after it is done.

    Args:
        data: the data partition.
        card: the FAT partition, where there is one.
        also: folders to be emptied as well (the log).
        now: UNIX seconds for the status.

    Raises:
        OSError: a step failed, the others were done; the mark stands, and the next start tries again.
    """
    found = boot_partition.look(card) if card else boot_partition.BootPartition()
    tokens = _tokens(data, found)
    failed: list[OSError] = []
    for name, step in _steps(data, card, also, now, found, tokens):
        try:
            step()
        except OSError as error:
            # On a full disk not even the mark can be written: then the key must go all the more.
            failed.append(error)
        yield name
    if failed:
        raise failed[0]
    # The mark says "done" before the order leaves the card: the other way round a cut would leave neither.
    store.mark(data, store.WIPED, tokens)
    yield store.WIPED
    disk.shred(data / store.WIPING)
    yield "done"
    for order, name in found.orders:
        if card is not None and order == "wipe":
            boot_partition.remove(card, name)
            yield name


def _steps(
    data: Path,
    card: Path | None,
    also: Sequence[Path],
    now: float,
    found: boot_partition.BootPartition,
    tokens: tuple[str, ...],
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield every step with its name; a folder is only looked into when its turn comes."""
    yield store.WIPING, partial(store.mark, data, store.WIPING, tokens)
    ours = disk.links(data)
    for path in (*(data / name for name in _KEYS), *sorted(data.glob(f"{KEY_FILE}.*"))):
        yield path.name, partial(_destroy, path, ours)
    for pattern in (*_NEXT, "*", ".*"):
        for path in sorted(data.glob(pattern)):
            if path.name not in {store.WIPING, store.WIPED}:
                yield path.name, partial(_destroy, path, ours)
    for folder in also:
        for path in sorted(folder.glob("*")):
            yield path.name, partial(_destroy, path, ours)
    yield "free space", partial(_empty, data)
    if card is not None:
        yield "secrets on the card", partial(boot_partition.blank_secrets, card, found.candidates)
        text = wording.whole(wording.WIPED, "", at=now)
        yield "status on the card", partial(boot_partition.write_status, card, text)


def _tokens(data: Path, found: boot_partition.BootPartition) -> tuple[str, ...]:
    """Return the digests of all tokens that this board has seen, also before a wipe that was cut short."""
    earlier = [one.tokens for name in (store.WIPING, store.WIPED) if (one := store.marks(data, name))]
    remembered = store.recall(data).settings
    seen = [remembered] if remembered else []
    seen += [one.reading.settings for one in found.candidates if one.reading.settings]
    now = [digest for settings in seen if (digest := merge.digest(settings.token))]
    return (*(token for tokens in earlier for token in tokens), *now, *filter(None, [store.spent(data)]))


def _empty(data: Path) -> None:
    """Leave nothing in free space, where it is ours: discarded, or else overwritten as far as the time goes."""
    if disk.is_apart(data) and not disk.discard(data):
        disk.fill(data, _FILLED, _FILL_SECONDS)


def _destroy(path: Path, ours: Counter[disk.Inode]) -> None:
    """Overwrite and remove a file, or a folder with everything in it; links are removed, never followed."""
    if path.is_dir() and not path.is_symlink():
        for inner in sorted(path.iterdir()):
            _destroy(inner, ours)
        path.rmdir()
        disk.sync(path.parent)
    elif path.parent.is_dir():
        disk.shred(path, ours)
