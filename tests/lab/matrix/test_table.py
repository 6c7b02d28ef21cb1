"""What is wrong in a row."""

from balise_lab.matrix.cells import Cell, Outcome, Told
from balise_lab.matrix.rows import EXPERIMENTS, Row
from balise_lab.matrix.scenario import services_of
from balise_lab.matrix.table import table, wrong

QUIET = Outcome({one: Cell((("ok", f"{one}.ok", 9),)) for one in EXPERIMENTS}, ())


def test_what_is_wrong_is_said() -> None:
    """A box that is not seen, a fault that is judged, and one that is published with a proof."""
    blocks = Row("sni.rst", sees={"tls": "sni.rst"})
    assert list(wrong(blocks, QUIET)) == ["sni.rst: tls must say sni.rst, and says tls.ok (9)"]
    judged = Outcome({**QUIET.cells, "tls": Cell((("blocked", "sni.rst", 3),))}, ())
    assert list(wrong(blocks, judged)) == ["sni.rst: no interference with by-tls is published"]
    assert list(wrong(Row("loss"), judged)) == ["loss: an ordinary fault is judged sni.rst by tls"]
    for mechanisms, said in (
        (("sni.rst", "sni.drop"), []),
        (("sni.drop",), ["sni.rst: interference with by-tls is published as sni.drop, not as sni.rst"]),
        ((), ["sni.rst: interference with by-tls is published as none, not as sni.rst"]),
    ):
        told = Outcome(judged.cells, (Told("interference", "by-tls", "B", mechanisms),))
        assert list(wrong(blocks, told)) == said
    lazy = Outcome(QUIET.cells, (), ("loss",))
    assert list(wrong(Row("loss"), lazy)) == [
        "loss: loss touched no packet: what was seen, or not seen, was not its doing"
    ]
    front = Row("server.hello", alike={"tls": "sni.rst"})
    doubted, proved = (Outcome(judged.cells, (Told("interference", "by-tls", grade),)) for grade in "CA")
    assert list(wrong(front, doubted)) == []
    assert list(wrong(front, proved)) == ["server.hello: interference with by-tls is published with grade A"]


def test_a_protocol_that_nobody_cuts_is_not_told() -> None:
    """Several services share vpn's column: each is looked at."""
    cut = Row("vpn.openvpn", sees={"vpn": "vpn.openvpn"})
    both = Cell((("blocked", "vpn.openvpn", 3), ("blocked", "vpn.ikev2", 1), ("ok", "vpn.ok", 9)))
    told = (Told("interference", "by-openvpn", "B", ("vpn.openvpn",)),)
    assert list(wrong(cut, Outcome({**QUIET.cells, "vpn": both}, told))) == [
        "vpn.openvpn: vpn says vpn.ikev2, which is not in force"
    ]
    alone = Outcome({**QUIET.cells, "vpn": Cell(both.rules[:1])}, told)
    assert list(wrong(cut, alone)) == []
    every = " or ".join(services_of("vpn"))
    assert list(wrong(cut, Outcome(alone.cells, ()))) == [f"vpn.openvpn: no interference with {every} is published"]


def test_what_one_box_cuts_of_several_services_is_told_of_each() -> None:
    """Where two protocols have one form, one of them that passes is a hole."""
    cut = Row("vpn.fully_encrypted", sees={"vpn": ("vpn.fully_encrypted", "vpn.obfs4")}, every=True)
    first, second = ("blocked", "vpn.fully_encrypted", 3), ("blocked", "vpn.obfs4", 2)
    told = [Told("interference", f"by-{one}", "B", ("vpn.fully_encrypted",)) for one in ("fully-encrypted", "obfs4")]
    both = Outcome({**QUIET.cells, "vpn": Cell((first, second))}, tuple(told))
    assert list(wrong(cut, both)) == []
    assert "| **vpn.fully_encrypted**, **vpn.obfs4** | interference B: fully-encrypted, obfs4 |" in table([(cut, both)])
    assert list(wrong(cut, Outcome(both.cells, both.told[:1]))) == [
        "vpn.fully_encrypted: interference is published with by-fully-encrypted alone"
    ]
    assert list(wrong(cut, Outcome({**QUIET.cells, "vpn": Cell((first,))}, both.told))) == [
        "vpn.fully_encrypted: vpn must say vpn.fully_encrypted and vpn.obfs4, and says vpn.fully_encrypted (3)"
    ]
