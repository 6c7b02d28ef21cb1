"""Field 6: Wi-Fi names and passwords, as people have them and editors mangle them, arrive byte by byte."""

import re
from pathlib import Path

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome

_WRITTEN: tuple[tuple[str, str], ...] = (
    ('"our house\\"', "our house\\"),
    ('"our house\\"  # upstairs', "our house\\"),
    ('"a\\b\\c\\d\\e\\"', "a\\b\\c\\d\\e\\"),
    ("'our house\\'", "our house\\"),
    ('"our house\\\\"', "our house\\"),
    ('"#1 = ours"', "#1 = ours"),
    ("'say \"hi\"'", 'say "hi"'),
    ("\u00ab\u00a0our house\u00a0\u00bb", "our house"),
    ("\u00ab\u202four house\u202f\u00bb", "our house"),
    ("\u00ab our house \u00bb", "our house"),
    ("\u2039\u00a0our house\u00a0\u203a", "our house"),
    ("\u201cour house\\\u201d", "our house\\"),
)
"""As it stands on the card, and as it is meant."""


def run(bed: Bed) -> Outcome:
    """Put each on a card as name and password, let the shipped program read the card, and read what it wrote."""
    version = bed.script("from balise_wire.card import CONSENT_VERSION as v; import json; print(json.dumps({'v': v}))")
    wrong = []
    for number, (written, meant) in enumerate(_WRITTEN):
        found = _read(bed, bed.folder / str(number), written, str(version["v"]))
        if found != (meant, meant):
            wrong.append(f"{written} became {found[0]!r}")
    right = len(_WRITTEN) - len(wrong)
    return Outcome(not wrong, f"{right} of {len(_WRITTEN)} names and passwords as they are meant; {'; '.join(wrong)}")


def _read(bed: Bed, folder: Path, written: str, version: str) -> tuple[str, str]:
    """Return name and password in wpa_supplicant's file."""
    places = {name: folder / name for name in ("card", "data", "network", "run")}
    for place in places.values():
        place.mkdir(parents=True)
    (places["card"] / "balise.toml").write_bytes(
        f'country = "PK"\r\n[wifi]\r\nname = {written}\r\npassword = {written}\r\ncountry = "PK"\r\n'
        f'[consent]\r\nversion = "{version}"\r\naccepted = true\r\n'.encode()
    )
    bed.call(
        bed.agent(
            "card", "read", "--card", places["card"], "--data", places["data"], "--network-dir", places["network"],
            "--run-dir", places["run"],
        )
    )  # fmt: skip
    file = places["run"] / "wlan0.conf"
    text = file.read_text(encoding="ascii") if file.exists() else ""
    found = [re.search(rf"^\t{key}=([0-9a-f]+)$", text, re.MULTILINE) for key in ("ssid", "sae_password")]
    name, password = (bytes.fromhex(one[1]).decode() if one else "" for one in found)
    return name, password


CASES = (Case("f6", "Wi-Fi names that end in a backslash, and guillemets with their blanks", run),)
