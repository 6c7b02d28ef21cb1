"""What stands in the centre beside the collector: the broker as it ships, and InfluxDB where a run asks for one.

Lives here: their configuration (pure), and asking InfluxDB. Must not live here: starting them (run.lab), or asking the
collector (run.pages).
"""
