"""Field 4: routes that are no household. A tunnel by halves is a way out, and a blackhole is none."""

import json

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome

_TARGETS = ("45.33.32.10", "172.217.16.1", "203.0.113.77")
"""In the lower half, in the upper half, and in the machine's own network."""


def run(bed: Bed) -> Outcome:
    """Routes of a VPN by halves and with holes, and blackholes; then a kill switch, which the doctor must see."""
    ip = str(bed.tool("ip"))
    for line in (
        "link add line0 type veth peer name far0", "link set far0 up", "link set line0 up",
        "link add wg0 type veth peer name far1", "link set far1 up", "link set wg0 up",
        "addr add 203.0.113.7/24 dev line0", "addr add 10.2.0.2/32 dev wg0",
        "route add default via 203.0.113.1", "route add 0.0.0.0/1 dev wg0", "route add 128.0.0.0/1 dev wg0",
        "route add 45.33.0.0/17 dev wg0", "route add blackhole 46.1.0.0/16", "route add unreachable 47.1.2.0/24",
    ):  # fmt: skip
        bed.call([ip, *line.split()])
    told = bed.script(
        "import json, sys\n"
        "from balise_agent.net.local_networks import own_prefixes\n"
        "from balise_agent.policy.limits import refuse_address\n"
        "own = own_prefixes()\n"
        "print(json.dumps({'own': own, 'refused': [refuse_address(a, (), own) for a in sys.argv[1:]]}))\n",
        *_TARGETS,
    )
    own = told.get("own", [])
    refused = [reason is not None for reason in told.get("refused", [])]
    for half in ("0.0.0.0/1", "128.0.0.0/1", "45.33.0.0/17"):
        bed.call([ip, "route", "del", half])
    bed.call([ip, "route", "add", "blackhole", "0.0.0.0/1"])
    bed.call([ip, "route", "add", "blackhole", "128.0.0.0/1"])
    cause = _doctor(bed)
    figure = (
        f"own networks: {', '.join(own) or told.get('raised', 'none')}; refused {sum(refused[:2])} of 2 addresses of "
        f"the internet and {sum(refused[2:])} of 1 at home; behind blackholes the doctor says {cause}"
    )
    return Outcome(refused == [False, False, True] and cause == "no-route", figure)


def _doctor(bed: Bed) -> str:
    """Return the first cause that the doctor names for a machine whose routes swallow everything."""
    folder = bed.folder / "probe"
    folder.mkdir()
    version = bed.script("from balise_wire.card import CONSENT_VERSION as v; import json; print(json.dumps({'v': v}))")
    file = bed.folder / "agent.toml"
    file.write_text(
        f'[probe]\nstate_dir = "{folder}"\nruntime_dir = "{folder}/run"\nsettings = "/nowhere"\n'
        f'[enrolment]\nurls = ["https://192.0.2.1"]\nfingerprint = "{"ab" * 32}"\ntoken = "t"\n'
        f'[consent]\nversion = "{version["v"]}"\naccepted = true\n',
        encoding="utf-8",
    )
    bed.call(["mount", "-t", "sysfs", "sysfs", "/sys"])
    done = bed.call(bed.agent("doctor", "--json", "--config", file))
    try:
        return str(json.loads(done.stdout)["cause"]["id"])
    except (ValueError, KeyError, TypeError):
        return f"nothing ({done.stderr.strip()[-100:]})"


CASES = (Case("f4", "a VPN by halves, holes and blackholes among the routes", run),)
