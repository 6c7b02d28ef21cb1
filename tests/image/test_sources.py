"""Where Debian's packages come from: the machine's own apt configuration, turned to the card's suite."""

from pathlib import Path

import pytest

from balise_image import recipe as recipes
from balise_image import sources
from balise_image.recipe import RecipeError

BLOCKS = """\
Types: deb
# kept for the record
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://off.test/debian
Suites: bookworm
Components: main
"""
LINES = """\
# deb http://commented.test/debian bookworm main
deb [arch=amd64 signed-by=/etc/apt/keyrings/vendor.gpg] http://vendor.test/apt bookworm main
deb http://mirror.test/debian bookworm main contrib
deb-src http://mirror.test/debian bookworm main
"""


@pytest.fixture(scope="module")
def recipe(repo_root: Path) -> recipes.Recipe:
    """The shipped recipe."""
    return recipes.read(repo_root / "image")


@pytest.mark.parametrize("text", [BLOCKS, LINES])
def test_the_machines_mirror_serves_the_card(text: str, recipe: recipes.Recipe) -> None:
    """Both formats of apt's sources are understood; a vendor's archive with Debian's suite names is not Debian."""
    listed = sources.for_card(sources.entries(text), "bookworm", recipe, {})
    assert "] http://mirror.test/debian trixie main non-free-firmware\n" in listed
    assert "] http://mirror.test/debian trixie-backports main\n" in listed
    assert "vendor" not in listed
    assert "off.test" not in listed
    assert ("http://mirror.test/debian-security trixie-security" in listed) == (text is BLOCKS)


def test_a_snapshot_may_be_named(recipe: recipes.Recipe) -> None:
    """The same bytes later need the same packages: the environment names a snapshot, whatever the machine has."""
    named = {sources.MIRROR: "http://snapshot.test/20261101"}
    listed = sources.for_card(sources.entries(BLOCKS), "bookworm", recipe, named)
    assert "mirror.test" not in listed
    assert "] http://snapshot.test/20261101 trixie main" in listed


def test_a_machine_without_debian_is_told_what_to_do(recipe: recipes.Recipe) -> None:
    """Ubuntu's mirror has no Debian: the refusal names the variable."""
    with pytest.raises(RecipeError, match=f"{sources.MIRROR}=<address> make image"):
        sources.for_card(sources.entries("deb http://ubuntu.test noble main"), "", recipe, {})


def test_proxies_and_certificates_go_along() -> None:
    """What lets this machine reach its mirror lets the build reach it."""
    dump = (
        'APT::Architecture "amd64";\nAcquire::http::Proxy "http://proxy.test:3128";\nAcquire::https "";\n'
        'Acquire::https::CAInfo "/etc/ca.pem";\nAcquire::Check-Valid-Until "false";\nAcquire::cdrom::mount "/media";\n'
    )
    assert sources.carried_options(dump) == [
        'Acquire::http::Proxy "http://proxy.test:3128"',
        'Acquire::https::CAInfo "/etc/ca.pem"',
        'Acquire::Check-Valid-Until "false"',
    ]


def test_only_the_kernel_is_from_backports(recipe: recipes.Recipe) -> None:
    """Everything else is trixie's own."""
    assert sources.preferences(recipe).startswith("Package: linux-image-* linux-base\n")
    assert "n=trixie-backports" in sources.preferences(recipe)
