"""Where Debian's packages come from: the build machine's own configuration, read and turned to the card's suite.

Lives here: the two formats of sources.list(5), the choice of the entries that are Debian's own, and the options of apt
that carry proxies and certificates. It thinks only. Must not live here: the name of any mirror.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from balise_image.recipe import Recipe, RecipeError

MIRROR: Final = "BALISE_IMAGE_MIRROR"
"""Environment: a mirror of Debian, for machines that have none configured (Ubuntu) or to name a snapshot."""
SECURITY: Final = "BALISE_IMAGE_SECURITY_MIRROR"
KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
_POCKETS: Final = ("", "-updates", "-security", "-backports")
_CARRIED: Final = re.compile(
    r'^Acquire::(?:https?|Retries|Check-Valid-Until|Check-Date|ForceIPv4|ForceIPv6)\b.* "..*";$'
)


class Entry(msgspec.Struct, frozen=True):
    """One archive: address, suite, components, and the keyring that is named for it."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""


def entries(text: str) -> list[Entry]:
    """Read one file of sources, in the one-line or the deb822 format."""
    return _blocks(text) if re.search(r"^Types:", text, re.MULTILINE) else _lines(text)


def _lines(text: str) -> list[Entry]:
    found: list[Entry] = []
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)", line.partition("#")[0].strip())
        if match:
            options = dict(word.split("=", 1) for word in (match[1] or "").split() if "=" in word)
            found.append(Entry(match[2], match[3], tuple(match[4].split()), options.get("signed-by", "")))
    return found


def _blocks(text: str) -> list[Entry]:
    found: list[Entry] = []
    for block in re.split(r"\n\s*\n|(?=^Types:)", text, flags=re.MULTILINE):
        kept = "\n".join(line for line in block.splitlines() if not line.startswith("#"))
        field = {name: value.split() for name, value in re.findall(r"^([\w-]+):[ \t]*(.*)$", kept, re.MULTILINE)}
        if "deb" not in field.get("Types", []) or field.get("Enabled", ["yes"])[0].lower() in {"no", "false"}:
            continue
        signed = " ".join(field.get("Signed-By", []))
        found += [
            Entry(uri, suite, tuple(field.get("Components", [])), signed)
            for uri in field.get("URIs", [])
            for suite in field.get("Suites", [])
        ]
    return found


def for_card(configured: Iterable[Entry], codename: str, recipe: Recipe, environment: Mapping[str, str]) -> str:
    """Return the card's sources.list, from the machine's (RecipeError where there is no mirror of Debian to be found).

    Args:
        configured: what apt of this machine reads.
        codename: of this machine's own Debian ("bookworm"); empty on another distribution.
        recipe: the card's suite and components, and where its kernel is from.
        environment: may name a mirror instead.
    """
    main, security = environment.get(MIRROR, ""), environment.get(SECURITY, "")
    if not main:
        ours = [entry for entry in configured if _is_debian(entry, codename)]
        main = next((entry.uri for entry in ours if entry.suite == codename), "")
        security = next((entry.uri for entry in ours if entry.suite == f"{codename}-security"), "")
    if not main:
        raise RecipeError(
            f"this machine's apt knows no mirror of Debian; name one: {MIRROR}=<address> make image"
            f" (and {SECURITY}=<address> for its security updates)"
        )
    components = " ".join(recipe.components)
    lines = [f"deb [signed-by={KEYRING}] {main} {recipe.suite}{pocket} {components}" for pocket in ("", "-updates")]
    if security:
        lines.append(f"deb [signed-by={KEYRING}] {security} {recipe.suite}-security {components}")
    if recipe.kernel.suite:
        lines.append(f"deb [signed-by={KEYRING}] {main} {recipe.kernel.suite} main")
    return "\n".join(lines) + "\n"


def _is_debian(entry: Entry, codename: str) -> bool:
    """Tell Debian's own archives from others that use its suites' names."""
    known = entry.suite in {f"{codename}{pocket}" for pocket in _POCKETS} if codename else False
    return known and "main" in entry.components and (not entry.signed_by or "debian-archive" in entry.signed_by)


def carried_options(dump: str) -> list[str]:
    """Return what must hold for the card's packages as well, from ``apt-config dump``: proxies, certificates, dates."""
    return [line.removesuffix(";") for line in dump.splitlines() if _CARRIED.match(line)]


def preferences(recipe: Recipe) -> str:
    """Return apt_preferences(5) that take the kernel, and it alone, from its suite."""
    if not recipe.kernel.suite:
        return ""
    names = " ".join(recipe.kernel.packages)
    return f"Package: {names}\nPin: release n={recipe.kernel.suite}\nPin-Priority: 900\n"
