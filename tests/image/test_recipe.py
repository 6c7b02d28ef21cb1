"""image.toml, packages.txt and the texts of the boot partition: what the card is made of, as data."""

from pathlib import Path

import pytest

from balise_image import recipe as recipes
from balise_image.recipe import RecipeError


@pytest.fixture(scope="module")
def recipe(repo_root: Path) -> recipes.Recipe:
    """The shipped recipe."""
    return recipes.read(repo_root / "image")


def test_every_package_has_its_reason(recipe: recipes.Recipe) -> None:
    """What nobody can explain is not on a card in somebody's home."""
    assert "python3-systemd" in recipe.packages
    with pytest.raises(RecipeError, match=r"packages.txt:2: nano has no reason"):
        recipes.packages("udev # devices\nnano\n")


def test_every_board_has_a_device_tree(recipe: recipes.Recipe) -> None:
    """Four boards start from one card; a Pi 5's network needs the kernel from backports."""
    assert set(recipe.boards) == {"Pi 3", "Pi Zero 2 W", "Pi 4", "Pi 5"}
    assert all(recipe.boards.values())
    assert recipe.kernel.suite == f"{recipe.suite}-backports"


def test_the_boot_partition_names_no_product(recipe: recipes.Recipe) -> None:
    """Whoever finds the card does not learn from its text what it is part of."""
    texts = recipes.config_txt() + recipes.command_line(recipe) + recipes.readme_txt()
    assert "balise" not in texts.lower()
    assert recipes.command_line(recipe).count("\n") == 1
    assert f"root=PARTUUID={recipe.identity.disk}-02" in recipes.command_line(recipe)


def test_a_key_tells_where_one_part_ends(tmp_path: Path) -> None:
    """Two inputs that only join to the same text are two inputs; a changed mode is a change, too."""
    assert recipes.key("ab", "c") != recipes.key("a", "bc")
    file = tmp_path / "file"
    file.write_text("x")
    before = recipes.of_tree(tmp_path)
    file.chmod(0o755)
    assert recipes.of_tree(tmp_path) != before


def test_no_file_of_the_image_names_a_mirror(repo_root: Path) -> None:
    """Packages come from wherever the build machine gets its own."""
    for path in (repo_root / "image").rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            text = path.read_text(encoding="utf-8")
            assert "://deb" not in text, path
            assert "debian.org" not in text, path
