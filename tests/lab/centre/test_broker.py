"""The broker in the centre, as it ships."""

from pathlib import Path

from balise_lab.centre import broker


def test_the_brokers_files_are_the_shipped_ones() -> None:
    """The lab writes no configuration of its own: it asks the collector for one, with the doors of the field."""
    command = broker.files_command("203.0.113.10", Path("/x"))
    assert command[:2] == ("broker", "files")
    given = dict(zip(command[2::2], command[3::2], strict=True))
    assert (given["--mqtt"], given["--local"], given["--listen"]) == ("443", "8883", "203.0.113.10")
    assert "--websockets" not in given
    assert broker.environment(Path("/x")) == {"OPENSSL_CONF": "/x/openssl.cnf"}
