"""``balise-collector watch``: made, listed, ended; a mistake is one line."""

from __future__ import annotations

from collections.abc import Callable


def test_a_window_is_made_listed_and_ended(run: Callable[..., tuple[int, str, str]]) -> None:
    """It is said that it ends by itself and is never scored."""
    assert "no window yet" in run("watch")[1]
    status, out, _ = run("watch", "PK", "--service", "zoom", "--service", "twitter", "--for", "6h")
    assert status == 0
    assert "each 300 s  on       zoom, twitter" in out
    assert "it ends by itself" in out
    name = out.split()[0]
    assert run("watch")[1].startswith(name)
    assert run("watch", "--end", name)[0] == 0
    assert "over     zoom" in run("watch")[1]
    status, _, err = run("watch", "--end", name)
    assert (status, "no window that is not over" in err) == (2, True)


def test_a_mistake_says_its_mend(run: Callable[..., tuple[int, str, str]]) -> None:
    """Country, service, length."""
    for arguments, told in (
        (("pk", "--service", "zoom"), "two capital letters"),
        (("PK",), "none is named"),
        (("PK", "--service", "signal"), "not measured; there are periscope"),
        (("PK", "--service", "zoom", "--for", "4 hours"), "is no length"),
        (("PK", "--service", "zoom", "--interval", "60"), "300 s or more"),
    ):
        status, _, err = run("watch", *arguments)
        assert status == 2
        assert told in err
