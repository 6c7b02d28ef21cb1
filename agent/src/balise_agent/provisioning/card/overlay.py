"""The card's settings as the agent reads them: an overlay in agent.toml's own format.

Lives here: its text. Must not live here: where it lies (boot_actions.py), or what an overlay may say (config.OVERLAY).
"""

from balise_wire.card import CardSettings, quoted


def overlay(settings: CardSettings, *, consented: bool) -> str:
    """Return the text of ``card.toml``; only what is set, so that it covers nothing else with emptiness."""
    probe = {"country": settings.country, "provider": settings.provider}
    lines = ["# Written from the card at every start; change the file on the card instead.", "[probe]"]
    lines += [f"{key} = {quoted(value)}" for key, value in probe.items() if value]
    lines += [f"{key} = {quoted(getattr(settings, key))}" for key in ("access", "profile", "role")]
    # An address without the fingerprint would be an address that anybody can pretend to be.
    if settings.enrol and settings.fingerprint:
        lines += ["", "[enrolment]", f"urls = [{', '.join(map(quoted, settings.enrol))}]"]
        lines += [f"fingerprint = {quoted(settings.fingerprint)}"]
        lines += [f"token = {quoted(settings.token)}"] if settings.token else []
    lines += ["", "[consent]", f"version = {quoted(settings.consent.version)}"]
    lines += [f"accepted = {'true' if consented else 'false'}"]
    return "\n".join(lines) + "\n"
