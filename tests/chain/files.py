"""Where the scenarios that the chain plays stand."""

from pathlib import Path
from typing import Final

_TESTS: Final = Path(__file__).resolve().parents[1]


def file_of(name: str) -> Path:
    """Return the file of a scenario: of tests/scenarios by its name, an experiment's own, or any by its path."""
    folder, _, rest = name.partition("/")
    if not rest:
        return _TESTS / "scenarios" / f"{name}.yaml"
    return _TESTS / name / "scenario.yaml" if folder == "experiments" else Path(name)
