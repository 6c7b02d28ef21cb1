"""balise's Grafana dashboards as code: builders in, committed JSON and provisioning files out (``make dashboards``).

A development tool: the collector does not import it, and who runs Grafana needs only the files under ``json/`` and
``provisioning/``. Lives here: what is shown, asked and alarmed. Must not live here: names of measurements (they come
from ``balise_collector.sinks.influx.points``), words and colours of states (``wording`` and ``pages.palette``).
"""
