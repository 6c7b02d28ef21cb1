"""The ground's thinking parts: what ansible's recap says, and which mirror the machine knows."""

from balise_ground import mirror, recap

RECAP = """
TASK [balise.observatory.probe : Write the settings] ****
changed: [k7m2q9xd]
ok: [r4bt8w2n]

PLAY RECAP *********************************************************************
centre                     : ok=27   changed=0    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
k7m2q9xd                   : ok=9    changed=1    unreachable=1    failed=0    skipped=1    rescued=0    ignored=0
"""
TARGETS = """mirror://a/ Ubuntu Ubuntu
mirror://security/ Debian Debian-Security
mirror://main/ Debian Debian
mirror://other/ Debian Debian
"""
DUMP = """APT::Architecture "amd64";
Acquire::http::Proxy "http://192.0.2.1:3142";
Acquire::http::Proxy::mirror.example "DIRECT";
Acquire::Languages "none";
"""


def test_an_unreachable_host_is_a_failure() -> None:
    """A machine that went away must not pass for one where nothing changed."""
    assert str(recap.read(RECAP)) == "ok=36 changed=1 failed=1"
    assert recap.changed_tasks(RECAP) == ["k7m2q9xd: balise.observatory.probe : Write the settings"]


def test_a_run_without_a_recap_is_a_failure() -> None:
    """A playbook that could not even start says nothing that reads like success."""
    assert recap.read("ERROR! the playbook could not be found").failed == 1


def test_the_mirror_is_the_machines_first_of_the_main_archive() -> None:
    """Neither another distribution's nor the security archive, which lacks most packages."""
    assert mirror.mirror_of(TARGETS) == "mirror://main/"
    assert not mirror.mirror_of("mirror://a/ Ubuntu Ubuntu\n")


def test_a_proxy_of_apt_is_handed_on_and_nothing_else() -> None:
    """A build machine may reach its mirror only so."""
    assert mirror.proxies_of(DUMP) == [
        'Acquire::http::Proxy "http://192.0.2.1:3142"',
        'Acquire::http::Proxy::mirror.example "DIRECT"',
    ]
