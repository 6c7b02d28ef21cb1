"""What can keep a probe from its work: one permanent id each, what is the matter, and the mend.

Lives here: the table, in the order of cause (what stands higher explains what stands lower), in words that may stand on
the card beside somebody's other files: no product, no service, no place. The status files, the log, ``doctor`` and the
troubleshooting tree of docs/agent.md all take their words from it. Must not live here: finding anything out.
"""

from enum import StrEnum
from typing import Final

import msgspec


class ProblemId(StrEnum):
    """Permanent ids, in the order of cause; one that is no longer used is never given another meaning."""

    SETTINGS_BROKEN = "settings-broken"
    SETTINGS_MISSING = "settings-missing"
    WIPED = "wiped"
    CONSENT_MISSING = "consent-missing"
    CONSENT_OUTDATED = "consent-outdated"
    PAUSED = "paused"
    HALTED = "halted"
    DATA_UNWRITABLE = "data-unwritable"
    DATA_FULL = "data-full"
    KEY_UNUSABLE = "key-unusable"
    NO_CAPTURE = "no-capture"
    NO_INTERFACE = "no-interface"
    NO_CARRIER = "no-carrier"
    NO_ADDRESS = "no-address"
    NO_ROUTE = "no-route"
    NO_RESOLVER = "no-resolver"
    THROUGH_TUNNEL = "through-tunnel"
    NOT_RUNNING = "not-running"
    RESOLVER_SILENT = "resolver-silent"
    ENROLMENT_UNREACHABLE = "enrolment-unreachable"
    AUTHORITY_WRONG = "authority-wrong"
    ANSWER_MALFORMED = "answer-malformed"
    TOKEN_MISSING = "token-missing"  # noqa: S105 - a word for the problem, not a secret
    TOKEN_UNKNOWN = "token-unknown"  # noqa: S105 - as above
    TOKEN_SPENT = "token-spent"  # noqa: S105 - as above
    TOKEN_EXPIRED = "token-expired"  # noqa: S105 - as above
    REQUEST_REFUSED = "request-refused"
    REFUSED_NEWER = "refused-newer"
    TOO_MANY = "too-many"
    KEY_UNKNOWN = "key-unknown"
    REVOKED = "revoked"
    CERTIFICATE_UNUSABLE = "certificate-unusable"
    CERTIFICATE_EXPIRED = "certificate-expired"
    BROKER_UNREACHABLE = "broker-unreachable"
    BROKER_REFUSES = "broker-refuses"
    COLLECTOR_OFFLINE = "collector-offline"
    RECEIPTS_MISSING = "receipts-missing"
    PATH_NARROW = "path-narrow"
    NO_ASSIGNMENT = "no-assignment"
    ASSIGNMENT_EXPIRED = "assignment-expired"
    DAY_SPENT = "day-spent"
    UNDER_VOLTAGE = "under-voltage"
    TOO_HOT = "too-hot"
    OFFLOADS_ON = "offloads-on"
    CLOCK_UNVOUCHED = "clock-unvouched"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table."""

    id: ProblemId
    told: str
    """What is the matter, in one neutral sentence."""
    mend: str
    """What a person can do about it."""
    stops: bool = True
    """Whether nothing below it is worth looking at; else it only makes results worse."""


_I = ProblemId
PROBLEMS: Final[dict[ProblemId, Problem]] = {
    row.id: row
    for row in (
        Problem(
            id=_I.SETTINGS_BROKEN,
            told="The settings cannot be read.",
            mend="Correct the line that is named, or start again from the commented example.",
        ),
        Problem(
            id=_I.SETTINGS_MISSING,
            told="The settings file on the card is not filled in yet.",
            mend="Copy the settings file that was made for this card onto it, and start it again.",
        ),
        Problem(
            id=_I.WIPED,
            told="This machine was wiped, or a wipe is not finished, so it stays silent.",
            mend="To use it again, put a settings file with a new token on the card; a wipe goes on at each start.",
        ),
        Problem(
            id=_I.CONSENT_MISSING,
            told="The host has not agreed yet, so nothing is sent at all.",
            mend="Read the text in the settings file; to agree, set accepted = true below it and start again.",
        ),
        Problem(
            id=_I.CONSENT_OUTDATED,
            told="The text that the host agreed to has changed since, so nothing is done.",
            mend="Read the new text; to agree, write its version and accepted = true into the settings file.",
        ),
        Problem(
            id=_I.PAUSED,
            told="Paused by the host, so nothing is done.",
            mend="To go on, remove the pause file from the card and start again, or give the resume command.",
        ),
        Problem(
            id=_I.HALTED,
            told="Stopped by the operator for now, so nothing is done.",
            mend="Nothing to do: it goes on by itself when the operator says so.",
        ),
        Problem(
            id=_I.DATA_UNWRITABLE,
            told="The data folder cannot be written.",
            mend="Give the folder to the service's user; a card that has turned read-only must be replaced.",
        ),
        Problem(
            id=_I.DATA_FULL,
            told="The data folder is full.",
            mend="Make room on the data partition; results are kept in memory meanwhile and the oldest are let go.",
        ),
        Problem(
            id=_I.KEY_UNUSABLE,
            told="The key of this machine cannot be used.",
            mend="Give the key file to the service's user with mode 600, or restore it from the backup.",
        ),
        Problem(
            id=_I.NO_CAPTURE,
            told="The service has no right to see its own packets.",
            mend="Start it with its shipped unit, which grants CAP_NET_RAW and nothing else.",
        ),
        Problem(
            id=_I.NO_INTERFACE,
            told="There is no network interface to work on.",
            mend="Plug in the cable or fill in the Wi-Fi part; if the settings name an interface, check its name.",
        ),
        Problem(
            id=_I.NO_CARRIER,
            told="The network cable or the Wi-Fi has no connection.",
            mend="Check that the cable sits at both ends and the router is on; for Wi-Fi check name and password.",
        ),
        Problem(
            id=_I.NO_ADDRESS,
            told="The router gave no address.",
            mend="Start the router again; check that it hands out addresses (DHCP) and admits new devices.",
        ),
        Problem(
            id=_I.NO_ROUTE,
            told="There is no way out of the home network.",
            mend="Check that other devices on the same router reach the internet; start the router again.",
        ),
        Problem(
            id=_I.NO_RESOLVER,
            told="The network named no name server.",
            mend="Start the router again; or name a resolver in [network] resolvers.",
        ),
        Problem(
            id=_I.THROUGH_TUNNEL,
            told="What leaves this machine goes through a tunnel, and what is seen is the network at its other end.",
            mend="End the tunnel (VPN) on this machine, or name the line's own interface in [network] interface.",
            stops=False,
        ),
        Problem(
            id=_I.NOT_RUNNING,
            told="The service does not run.",
            mend="Start it and read the last lines of its log; it starts by itself after a restart of the machine.",
        ),
        Problem(
            id=_I.RESOLVER_SILENT,
            told="The name server does not know the names that are needed.",
            mend="Check that other devices can open pages; ask the operator for an entry that is an address.",
        ),
        Problem(
            id=_I.ENROLMENT_UNREACHABLE,
            told="The place to register at cannot be reached.",
            mend="Nothing to do on this side if other pages open: it tries again; tell the operator after an hour.",
        ),
        Problem(
            id=_I.AUTHORITY_WRONG,
            told="Somebody else answered in the place of the one that was expected; nothing was told to them.",
            mend="Try another line; compare the fingerprint in the settings with the operator's.",
        ),
        Problem(
            id=_I.ANSWER_MALFORMED,
            told="The answer to the registration could not be understood.",
            mend="It tries again; if it stays, the operator should compare the versions of both sides.",
        ),
        Problem(
            id=_I.TOKEN_MISSING,
            told="There is no token in the settings, and this machine is not registered.",
            mend="Ask the operator for a settings file with a token, and copy it onto the card.",
        ),
        Problem(
            id=_I.TOKEN_UNKNOWN,
            told="The token is not known.",
            mend="Check that it was copied whole, without spaces; else ask the operator for a new one.",
        ),
        Problem(
            id=_I.TOKEN_SPENT,
            told="The token was already used by another machine.",
            mend="Ask the operator for a new one; each token is good for one machine.",
        ),
        Problem(id=_I.TOKEN_EXPIRED, told="The token is too old.", mend="Ask the operator for a new one."),
        Problem(
            id=_I.REQUEST_REFUSED,
            told="The registration was refused as malformed.",
            mend="Check country and access in the settings; the operator sees the reason in the log.",
        ),
        Problem(
            id=_I.REFUSED_NEWER,
            told="The registration was refused for a reason that is newer than this software.",
            mend="Ask the operator, who sees the reason in the log; the card may need a newer image.",
        ),
        Problem(
            id=_I.TOO_MANY,
            told="It was tried too often.",
            mend="Nothing to do: it tries again later by itself.",
        ),
        Problem(
            id=_I.KEY_UNKNOWN,
            told="The operator's side does not know this machine's key.",
            mend="Ask the operator for a new token; the key stays as it is.",
        ),
        Problem(
            id=_I.REVOKED,
            told="The operator has ended this machine's registration.",
            mend="Ask the operator; with a new token in the settings it registers again.",
        ),
        Problem(
            id=_I.CERTIFICATE_UNUSABLE,
            told="The stored registration is damaged.",
            mend="It asks for a new one by itself; if it stays, remove the enrolment folder and use a new token.",
        ),
        Problem(
            id=_I.CERTIFICATE_EXPIRED,
            told="The registration has run out.",
            mend="It is renewed as soon as the place to register at can be reached; tell the operator.",
        ),
        Problem(
            id=_I.BROKER_UNREACHABLE,
            told="None of the ways to deliver results is open; they are kept meanwhile.",
            mend="Nothing to do on this side if other pages open: it tries all ways again; tell the operator.",
        ),
        Problem(
            id=_I.BROKER_REFUSES,
            told="Delivery is refused to this machine; results are kept meanwhile.",
            mend="Ask the operator whether the registration was ended, or whether the clock of this machine is wrong.",
        ),
        Problem(
            id=_I.COLLECTOR_OFFLINE,
            told="The receiving side says that it is away; results are kept meanwhile.",
            mend="Nothing to do: delivery goes on when it is back.",
        ),
        Problem(
            id=_I.RECEIPTS_MISSING,
            told="Results are sent, but nothing says that they arrived; they are kept.",
            mend="Ask the operator whether this machine is approved and the receiving side runs.",
        ),
        Problem(
            id=_I.PATH_NARROW,
            told="Full packets get lost on the way to delivery, so smaller ones are used.",
            mend="Nothing to do: delivery goes on. On a machine of one's own: sysctl net.ipv4.tcp_mtu_probing=1.",
            stops=False,
        ),
        Problem(
            id=_I.NO_ASSIGNMENT,
            told="There is no task yet.",
            mend="Ask the operator whether this machine is approved.",
        ),
        Problem(
            id=_I.ASSIGNMENT_EXPIRED,
            told="The task has run out.",
            mend="Nothing to do if delivery works: a new one comes by itself; else ask the operator.",
        ),
        Problem(
            id=_I.DAY_SPENT,
            told="The day's share of the line is used up.",
            mend="Nothing to do: it goes on after midnight UTC.",
            stops=False,
        ),
        Problem(
            id=_I.UNDER_VOLTAGE,
            told="The power supply is too weak.",
            mend="Use the supply made for the board and a short cable.",
            stops=False,
        ),
        Problem(
            id=_I.TOO_HOT,
            told="The board is too hot and slows itself down.",
            mend="Give it air: out of the cupboard, away from the sun and the radiator.",
            stops=False,
        ),
        Problem(
            id=_I.OFFLOADS_ON,
            told="The network card merges packets before they can be looked at.",
            mend="Install the shipped .link file, or run: ethtool -K INTERFACE gro off lro off.",
            stops=False,
        ),
        Problem(
            id=_I.CLOCK_UNVOUCHED,
            told="Nobody vouches for the clock; dates may be wrong until something is delivered.",
            mend="Nothing to do if delivery works; else check that the network lets time (NTP) through.",
            stops=False,
        ),
    )
}


class Trouble(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem as it was met: the row, and what was seen."""

    id: ProblemId
    detail: str = ""
    """What was seen, for the log and for ``doctor``; it never goes into the neutral status file."""

    @property
    def problem(self) -> Problem:
        """The row of the table."""
        return PROBLEMS[self.id]

    def sentence(self) -> str:
        """Return the whole in one line for the log."""
        seen = f" ({self.detail})" if self.detail else ""
        return f"{self.problem.told}{seen} {self.problem.mend}"
