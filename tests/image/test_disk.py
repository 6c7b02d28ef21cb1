"""Partition table, map and list of contents: bytes that boards, bmaptool and auditors read."""

import hashlib
import json
import re
import struct
from pathlib import Path

import pytest

from balise_image import agent, bmap, disk, sbom
from balise_image.recipe import ALIGN, MIB, RecipeError


def test_partitions_begin_at_erase_blocks_and_do_not_touch() -> None:
    """A write to one partition never rewrites a block of its neighbour."""
    laid = disk.laid_out([(disk.FAT32_LBA, 5 * MIB), (disk.LINUX, ALIGN), (disk.LINUX, 1)])
    assert [part.start % ALIGN for part in laid] == [0, 0, 0]
    assert [part.start for part in laid] == [ALIGN, 3 * ALIGN, 4 * ALIGN]


def test_the_table_is_one_that_start_files_read() -> None:
    """An MBR: signature, kinds, first sectors and sizes where everybody expects them."""
    laid = disk.laid_out([(disk.FAT32_LBA, 8 * MIB), (disk.LINUX, 4 * MIB)])
    table = disk.table(laid, 0xA5C01E77)
    assert len(table) == 512
    assert table[510:] == b"\x55\xaa"
    assert struct.unpack_from("<I", table, 440)[0] == 0xA5C01E77
    kinds = [table[446 + 16 * number + 4] for number in range(4)]
    assert kinds == [disk.FAT32_LBA, disk.LINUX, 0, 0]
    assert struct.unpack_from("<II", table, 446 + 8) == (ALIGN // 512, 8 * MIB // 512)
    with pytest.raises(ValueError, match="holds 4"):
        disk.table(laid * 3, 1)


def test_a_small_card_is_the_same_bytes_twice(tmp_path: Path) -> None:
    """Assembly adds nothing of its own: no date, no chance; zeros cost no space."""
    contents = [tmp_path / "one", tmp_path / "two"]
    contents[0].write_bytes(b"boot" + bytes(3 * MIB))
    contents[1].write_bytes(bytes(2 * MIB) + b"root")
    laid = disk.laid_out([(disk.FAT32_LBA, 4 * MIB), (disk.LINUX, 4 * MIB)])
    images = [tmp_path / "a.img", tmp_path / "b.img"]
    for image in images:
        disk.assemble(image, laid, contents, 7)
    assert images[0].read_bytes() == images[1].read_bytes()
    assert images[0].read_bytes()[laid[1].start + 2 * MIB :][:4] == b"root"
    assert images[0].stat().st_blocks * 512 < images[0].stat().st_size
    with pytest.raises(ValueError, match="larger than its partition"):
        disk.assemble(images[0], [disk.Partition(disk.LINUX, ALIGN, 512)], [contents[0]], 7)


def test_the_map_names_what_holds_something(tmp_path: Path) -> None:
    """bmaptool skips the rest, and checks each range and the map itself (bmap 2.0)."""
    image = tmp_path / "card"
    with image.open("wb") as out:
        out.truncate(4 * MIB)
        out.seek(2 * MIB)
        out.write(b"x")
    (found,) = bmap.ranges(image)
    assert found[:2] == (512, 512)
    assert found[2] == hashlib.sha256(b"x".ljust(4096, b"\0")).hexdigest()
    text = bmap.text(image)
    own = re.search(r"<BmapFileChecksum> (\w{64}) <", text)
    assert own is not None
    assert hashlib.sha256(text.replace(own[1], "0" * 64).encode()).hexdigest() == own[1]
    assert "<MappedBlocksCount> 1 <" in text


def test_the_list_of_contents_names_both_kinds() -> None:
    """SPDX 2.3 with a purl each; the same parts give the same document."""
    status = "Package: udev\nStatus: install ok installed\nSource: systemd (257)\nVersion: 257.1\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n"  # noqa: E501 - dpkg's own format
    parts = [*sbom.debian(status), sbom.wheel("Name: msgspec\nVersion: 0.20\nLicense-Expression: BSD-3-Clause\n\ntext")]
    document = sbom.document(parts, "card", "abc", 0)
    table = json.loads(document)
    assert [package["name"] for package in table["packages"]] == ["udev", "msgspec"]
    places = [package["externalRefs"][0]["referenceLocator"] for package in table["packages"]]
    assert places == ["pkg:deb/debian/udev@257.1", "pkg:pypi/msgspec@0.20"]
    assert table["creationInfo"]["created"] == "1970-01-01T00:00:00Z"
    assert document == sbom.document(reversed(parts), "card", "abc", 0)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("msgspec-0.20.0-cp313-cp313-manylinux2014_aarch64.manylinux_2_17_aarch64.whl", True),
        ("cryptography-46.0.3-cp311-abi3-manylinux_2_28_aarch64.whl", True),
        ("paho_mqtt-2.1.0-py3-none-any.whl", True),
        ("zstandard-0.25.0-cp311-cp311-manylinux_2_28_aarch64.whl", False),
        ("cffi-2.0.0-cp313-cp313-manylinux_2_28_x86_64.whl", False),
        ("cffi-2.0.0-cp313-cp313-musllinux_1_2_aarch64.whl", False),
    ],
)
def test_only_wheels_that_run_on_the_card_are_taken(name: str, *, fits: bool) -> None:
    """Python 3.13 or its stable interface, aarch64 with glibc, or no machine code at all."""
    assert agent.fits(name) is fits


def test_a_wheel_of_another_machine_stops_the_build() -> None:
    """It would only show on a board in the field."""
    ours = [Path("balise_wire-0.1.0-py3-none-any.whl"), Path("balise_agent-0.1.0-py3-none-any.whl")]
    agent.check(ours)
    with pytest.raises(RecipeError, match=r"x-1-cp311-cp311-win_amd64.whl; run make locks"):
        agent.check([*ours, Path("x-1-cp311-cp311-win_amd64.whl")])
