"""A real agent of one checkout beside a Centre that may be of another: its settings, and starting it.

Lives here: what a person would write on the board. Must not live here: expectations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from balise_attack.bed import Bed
    from balise_attack.centre import Centre
    from balise_attack.field import FieldProbe

CONSENT = "2026-11"


class Board:
    """One probe's program, with the key, the certificate and the id of an enrolled FieldProbe."""

    def __init__(self, bed: Bed, centre: Centre, probe: FieldProbe) -> None:
        """Write the settings; the programs are ``bed``'s, the centre may be another checkout's."""
        self.bed = bed
        self.name = f"agent-{probe.id}"
        self._environment = centre.clock()
        state = bed.folder / self.name
        state.mkdir()
        key = state / "probe.key"
        key.touch(mode=0o600)
        key.write_text(probe.key.private_bytes_raw().hex() + "\n", encoding="ascii")
        card = state / "card.pem"
        card.touch(mode=0o600)
        card.write_bytes(probe.certificate + probe.private_pem())
        self.file = bed.folder / f"{self.name}.toml"
        self.file.write_text(
            f'[probe]\nid = "{probe.id}"\ncountry = "{probe.country}"\nasn = {probe.asn}\nstate_dir = "{state}"\n'
            f'[collector]\nkey = "{centre.ask("key").split()[-1]}"\n'
            f'[[broker]]\nhost = "127.0.0.1"\nport = {centre.tls_port}\ntls = true\nca_file = "{centre.files}/ca.pem"\n'
            f'cert_file = "{card}"\nkey_file = "{card}"\n'
            '[network]\ninterface = "lo"\nresolvers = ["198.18.53.53"]\nlaboratory = ["198.18.0.0/15"]\n'
            "[timeouts]\nsyn = 0.5\nconnect = 0.5\nanswer = 0.5\n[spool]\nbatch_seconds = 30.0\nbatch_records = 40\n"
            f'[consent]\nversion = "{CONSENT}"\naccepted = true\n',
            encoding="utf-8",
        )

    def start(self) -> None:
        """Start the program; what it logs is ``said()``."""
        self.bed.start(self.name, self.bed.agent("--config", self.file, "run"), self._environment)

    def said(self) -> str:
        """Return everything that it has logged."""
        return self.bed.said(self.name)
