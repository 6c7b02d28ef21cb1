"""The list of what is on the card, as SPDX 2.3 JSON: Debian's packages and Python's wheels.

Lives here: reading dpkg's status and wheels' METADATA, and the document's shape (spdx.github.io/spdx-spec/v2.3). It
thinks only. Must not live here: files, or what a licence means: SPDX' NOASSERTION stands where a package names none.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.parser import HeaderParser
from typing import Any, Final

import msgspec

_WORD: Final = re.compile(r"[^A-Za-z0-9.-]")


class Part(msgspec.Struct, frozen=True, order=True):
    """One package: kind ("deb" or "pypi"), name, version, where its source is named, its licence as it says."""

    kind: str
    name: str
    version: str
    source: str = ""
    licence: str = ""


def debian(status: str) -> list[Part]:
    """Return the installed packages of /var/lib/dpkg/status."""
    found: list[Part] = []
    for block in status.split("\n\n"):
        field = dict(re.findall(r"^(Package|Version|Status|Source): (.*)$", block, re.MULTILINE))
        if field.get("Status", "").endswith(" installed"):
            found.append(Part("deb", field["Package"], field["Version"], field.get("Source", "").split(" ")[0]))
    return found


def wheel(metadata: str) -> Part:
    """Return what a wheel's METADATA says (PEP 566, PEP 639)."""
    head = HeaderParser().parsestr(metadata)
    licence = head.get("License-Expression") or ""
    return Part("pypi", str(head["Name"]), str(head["Version"]), "", str(licence))


def document(parts: Iterable[Part], name: str, version: str, epoch: int) -> bytes:
    """Return the document; ``epoch`` dates it, and its address follows from its content alone."""
    packages = [_package(part) for part in sorted(parts)]
    made = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    table = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"urn:{name}:{version}",
        "creationInfo": {"created": made, "creators": ["Tool: balise_image"]},
        "packages": packages,
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": package["SPDXID"],
            }
            for package in packages
        ],
    }
    return msgspec.json.format(msgspec.json.encode(table), indent=1) + b"\n"


def _package(part: Part) -> dict[str, Any]:
    space = "deb/debian" if part.kind == "deb" else "pypi"
    place = f"pkg:{space}/{part.name.lower()}@{part.version}"
    return {
        "SPDXID": f"SPDXRef-{part.kind}-{_WORD.sub('-', part.name)}",
        "name": part.name,
        "versionInfo": part.version,
        **({"sourceInfo": f"built from {part.source}"} if part.source else {}),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": part.licence or "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": place}],
    }
