"""Field 7: servers that speak old TLS are reached by people, and their chains by the measurement; long hellos pass."""

import json

from balise_attack.bed import OWN, Bed
from balise_attack.case import Case, Outcome

_OLD = {"no_rfc5746": "TLSv1.2", "tls10": "TLSv1", "tls11": "TLSv1.1", "small_dh": "TLSv1.2", "static_rsa": "TLSv1.2"}
_OTHERS = {"reset": "connection_reset", "refuses_name": "tls_alert"}


def run(bed: Bed) -> Outcome:
    """Real servers of OpenSSL, and one by hand without RFC 5746, in namespaces; the checkout's own plan and ground."""
    play = OWN / "tests" / "agent" / "net" / "netns_field.py"
    for tool in ("ip", "ethtool"):
        bed.tool(tool)
    ground = {"BALISE_GROUND": str(bed.checkout / "tests" / "agent" / "net" / "netns_plays.py")}
    done = bed.call([bed.python, "-W", "ignore", play, "old_tls"], ground, timeout=70.0)
    if done.returncode != 0:
        return Outcome(False, f"the play failed: {done.stderr.strip()[-200:]}")
    trials = json.loads(done.stdout.splitlines()[-1])["trials"]
    seen = [kind for kind, version in _OLD.items() if trials[kind].get("version") == version]
    verified = [kind for kind in seen if trials[kind].get("verified")]
    cut = [kind for kind, failure in _OTHERS.items() if trials[kind].get("failure") == failure]
    long = trials["long_hello"].get("version") == "TLSv1.3"
    unseen = ", ".join(sorted(set(_OLD) - set(verified))) or "none"
    figure = (
        f"chains of {len(verified)} of {len(_OLD)} old servers seen and verified, not of {unseen}; {len(cut)} of "
        f"{len(_OTHERS)} cuts told as cuts; a hello of 3 KB {'passed' if long else 'failed'}"
    )
    return Outcome(len(verified) == len(_OLD) and len(cut) == len(_OTHERS) and long, figure)


CASES = (Case("f7", "servers without RFC 5746, of TLS 1.0, with small keys and old ciphers", run, seconds=90.0),)
