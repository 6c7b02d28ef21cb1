"""What a scenario's later parts may refer to: its providers, probes, services and hosts, and what a name means.

Lives here: resolving ``isps``, ``match``, ``services``, ``probe`` and ``target`` of the file against what the file
defines, with a did-you-mean for what it does not. Must not live here: the shape of the parts that refer.
"""

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass

from balise_lab.scenario import scalars
from balise_lab.scenario.schema import Abroad, Endpoint, Isp, Service, probes_of, stem
from balise_lab.scenario.source import Field, did_you_mean
from balise_lab.scenario.words import PSEUDO_SERVICES


@dataclass(frozen=True, slots=True)
class Names:
    """The things a file defines, by name."""

    isps: dict[str, Isp]
    probes: dict[str, str]
    """Probe id -> name of its provider."""
    with_six: frozenset[str]
    """Ids of the probes whose lines have IPv6."""
    services: dict[str, Service]
    endpoints: tuple[Endpoint, ...]

    @staticmethod
    def of(country: str, isps: tuple[Isp, ...], abroad: tuple[Abroad, ...], services: tuple[Service, ...]) -> "Names":
        """Collect the names of a scenario."""
        return Names(
            isps={isp.name: isp for isp in isps},
            probes={probe.id: probe.isp for probe in probes_of(country, isps, abroad)},
            with_six=frozenset(probe.id for probe in probes_of(country, isps, abroad) if probe.ipv6),
            services={service.id: service for service in services},
            endpoints=tuple(endpoint for service in services for endpoint in service.endpoints),
        )

    def isp_list(self, field: Field | None) -> tuple[str, ...]:
        """Return the providers a field names; all of them where it names none."""
        if field is None or field.is_empty or field.scalar() == "all":
            return tuple(self.isps)
        return tuple(dict.fromkeys(name for item in field.items() if (name := self._isp(item))))

    def _isp(self, item: Field) -> str:
        """Return a provider by its name or AS number."""

        def parse(text: str) -> str:
            if text in self.isps:
                return text
            for isp in self.isps.values():
                if text.upper() in {str(isp.asn), f"AS{isp.asn}", f"ASN{isp.asn}"}:
                    return isp.name
            raise ValueError(f"{text!r} is no provider of this file; {did_you_mean(text, self.isps)}")

        return item.read(parse, "")

    def asns(self, field: Field) -> tuple[int, ...]:
        """Return the AS numbers of the providers that a field names; an empty list names none."""
        if field.scalar() == "all":
            return tuple(sorted(isp.asn for isp in self.isps.values()))
        return tuple(sorted({self.isps[name].asn for item in field.items() if (name := self._isp(item))}))

    def service_list(self, field: Field, *, pseudo: bool = False) -> tuple[str, ...]:
        """Return the services a field names; ``all`` is every one of the file."""
        if field.scalar() == "all":
            return tuple(self.services)
        known = (*self.services, *(PSEUDO_SERVICES if pseudo else ()))
        return tuple(dict.fromkeys(name for item in field.items() if (name := item.choice(known))))

    def probe_list(self, field: Field) -> tuple[str, ...]:
        """Return the probes a field names: an id, a provider (all its probes), ``ref<code>`` or a list of those."""
        found: list[str] = []
        places = dict.fromkeys(self.probes.values())

        def parse(text: str) -> tuple[str, ...]:
            if text in self.probes:
                return (text,)
            isp, _, number = text.lower().replace("/", "-").replace(".", "-").rpartition("-")
            if f"{stem(isp)}p{number}" in self.probes or f"{isp}{number}" in self.probes:
                return tuple(one for one in (f"{stem(isp)}p{number}", f"{isp}{number}") if one in self.probes)
            if text in places:
                return tuple(probe for probe, isp in self.probes.items() if isp == text)
            raise ValueError(f"{text!r} is no probe of this file; {did_you_mean(text, (*self.probes, *places))}")

        for item in field.items():
            found.extend(item.read(parse, ()))
        return tuple(dict.fromkeys(found))

    def hosts_matching(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """Return the hosts of the file that a box with these patterns would see."""
        patterns = tuple(patterns)
        return tuple(
            endpoint.host for endpoint in self.endpoints if any(matches(endpoint.host, pattern) for pattern in patterns)
        )

    def target_text(self, field: Field) -> str:
        """Return what a verdict is expected of: a target id, ``service/role``, a host or a service."""

        def parse(text: str) -> str:
            lower = text.lower()
            known = [
                *self.services,
                *(f"{endpoint.service}/{endpoint.role}" for endpoint in self.endpoints),
                *(endpoint.host for endpoint in self.endpoints),
            ]
            if lower in known or any(lower.startswith(f"{name}/") for name in known if "/" in name):
                return lower
            raise ValueError(f"{text!r} is no target of this file; {did_you_mean(text, known)}")

        return field.read(parse, "")

    def matched(self, field: Field) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return (names and patterns, addresses) of a ``match`` list; a service's name stands for its hosts."""
        hosts: list[str] = []
        addresses: list[str] = []
        roles = {f"{endpoint.service}/{endpoint.role}": endpoint.host for endpoint in self.endpoints}

        def parse(text: str) -> None:
            lower = text.lower()
            if lower in self.services:
                hosts.extend(endpoint.host for endpoint in self.services[lower].endpoints)
            elif lower in roles:
                hosts.append(roles[lower])
            elif scalars.is_network(lower):
                addresses.append(lower)
            elif "." in lower:
                hosts.append(scalars.pattern(lower))
            else:
                mend = did_you_mean(lower, (*self.services, *roles.values()))
                raise ValueError(f"{text!r} is no host, pattern, address or service of this file; {mend}")

        for item in field.items():
            item.read(parse, None)
        return tuple(dict.fromkeys(hosts)), tuple(dict.fromkeys(addresses))


def matches(host: str, pattern: str) -> bool:
    """Whether a box with this pattern sees this host: ``*.x`` is every name below x, a plain name is itself."""
    return fnmatch.fnmatchcase(host, pattern)
