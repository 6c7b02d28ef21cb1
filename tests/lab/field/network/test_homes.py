"""What a situation may say of a home."""

import msgspec

from balise_lab.field.network.homes import Home


def test_a_home_is_read_from_a_mapping() -> None:
    """Its id, country and provider are enough; resolvers and families are data."""
    home = msgspec.convert(
        {"id": "p1", "country": "PK", "asn": 1, "v6": True, "resolvers": [{"where": "router"}, {"edns": "formerr"}]},
        Home,
    )
    assert [one.where for one in home.resolvers] == ["router", "provider"]
    assert [one.edns for one in home.resolvers] == ["ok", "formerr"]
    assert msgspec.convert({"id": "p1", "country": "PK", "asn": 1}, Home).gateway == "answers"
