"""The broker's files: configuration, access rules, and what makes its doors ours. One copy, wherever mosquitto runs.

``render`` thinks (text from settings), ``place`` touches (files, certificates); ``mosquitto.conf``, ``door.conf``,
``acl``, ``openssl.cnf`` and ``before-start`` beside this file are the templates, for people to read. Must not live
here: starting or reloading mosquitto, which is the service manager's business (docs/broker.md).
"""

from balise_collector.fleet.broker_files.place import BrokerFiles, refresh, write
from balise_collector.fleet.broker_files.render import COLLECTOR_NAME, Door, Settings, Transport, doors

__all__ = ["COLLECTOR_NAME", "BrokerFiles", "Door", "Settings", "Transport", "doors", "refresh", "write"]
