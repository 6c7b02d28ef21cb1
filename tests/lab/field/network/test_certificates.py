"""Chains: renewed in their time, and convincing only within their dates and names."""

from balise_lab.field.network import Effect, Host
from balise_lab.field.network.certificates import DAY, of_host, of_impostor, of_server_effect
from balise_wire.failures import Failure

HOST = Host(name="a.example", neighbours=("n.example",))
NOW = 1_800_000_000.0


def test_a_chain_is_renewed_and_never_out_of_date() -> None:
    """Every 60 days a new leaf with the same key, valid at every moment of a year."""
    chains = [of_host(HOST, NOW + day * DAY) for day in range(365)]
    assert all(chain.convinces("a.example", NOW + day * DAY) is None for day, chain in enumerate(chains))
    assert 6 <= len({chain.certificates[0].sha256 for chain in chains}) <= 8
    assert len({chain.certificates[0].spki_sha256 for chain in chains}) == 1


def test_who_is_convinced() -> None:
    """By the names of the leaf, at a time within its dates."""
    chain = of_host(HOST, NOW)
    assert chain.convinces("n.example", NOW) is None
    assert chain.convinces("b.example", NOW) is Failure.SSL_INVALID_HOSTNAME
    assert chain.convinces("a.example", NOW - 400 * DAY) is Failure.SSL_INVALID_CERTIFICATE


def test_an_owner_s_doing() -> None:
    """Expired at the effect's beginning; renewed with a new key; another authority that convinces."""
    expired = of_server_effect(HOST, Effect(kind="cert.expired"), NOW + 5.0, NOW)
    assert expired.convinces("a.example", NOW + 5.0) is Failure.SSL_INVALID_CERTIFICATE
    renewed = of_server_effect(HOST, Effect(kind="cert.renewed"), NOW + 5.0, NOW)
    assert renewed.convinces("a.example", NOW + 5.0) is None
    assert renewed.certificates[0].spki_sha256 != of_host(HOST, NOW).certificates[0].spki_sha256
    later = of_server_effect(HOST, Effect(kind="cert.other_ca"), NOW + 200 * DAY, NOW)
    assert later.convinces("a.example", NOW + 200 * DAY) is None


def test_an_impostor_makes_a_leaf_for_each_name() -> None:
    """One authority, another leaf for each name; trusted only where the effect says it."""
    ours, theirs = (of_impostor(Effect(kind="tls.mitm"), name, NOW) for name in ("a.example", "b.example"))
    assert ours.certificates[0].issuer == theirs.certificates[0].issuer
    assert ours.certificates[0].sha256 != theirs.certificates[0].sha256
    assert ours.convinces("a.example", NOW) is Failure.SSL_UNKNOWN_AUTHORITY
    assert of_impostor(Effect(kind="tls.mitm", trusted=True), "a.example", NOW).convinces("a.example", NOW) is None
