"""Numbers that words decide."""

from balise_lab.field.network.draws import digest, fraction, number

NUMBER = 14481589959301489176


def test_the_same_words_give_the_same_numbers() -> None:
    """In every process: no seed of the interpreter's enters."""
    assert number("way", "p1", 4) == NUMBER
    assert 0.0 <= fraction("a") < 1.0
    assert fraction("a") != fraction("b")
    assert len(digest("a", 1)) == 64
