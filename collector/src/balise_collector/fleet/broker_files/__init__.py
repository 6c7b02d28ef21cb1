"""The broker's files: configuration, access rules, and what makes its listeners ours. One copy for every mosquitto.

``render`` thinks (text from settings), ``place`` touches (files, certificates); ``mosquitto.conf``, ``listener.conf``,
``acl``, ``openssl.cnf`` and ``before-start`` beside this file are the templates, for people to read. Must not live
here: starting or reloading mosquitto, which is the service manager's business (docs/broker.md).
"""

from balise_collector.fleet.broker_files.place import BrokerFiles, refresh, write
from balise_collector.fleet.broker_files.render import COLLECTOR_NAME, Listener, ListenerTransport, Settings, listeners

__all__ = [
    "COLLECTOR_NAME",
    "BrokerFiles",
    "Listener",
    "ListenerTransport",
    "Settings",
    "listeners",
    "refresh",
    "write",
]
