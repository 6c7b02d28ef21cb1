"""InfluxDB and whatever else reads its line protocol: changes as points of time series.

points.py says what a change is as points, line_protocol.py what a point is as a line, sink.py joins them with a writer:
a bucket of a server (bucket.py) or a file (line_file.py). Nothing outside of this folder knows a point.
"""
