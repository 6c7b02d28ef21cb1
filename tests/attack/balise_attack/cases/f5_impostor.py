"""Field 5: something that answers 200 or 202 stands in InfluxDB's place; points wait, and none is lost."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome

_ANSWERS = ((200, b"<html>Welcome</html>"), (202, b""), (201, b"{}"), (200, "Acc\xe8s".encode("latin-1")), (302, b""))
_SINK = """
import json, sys
from balise_collector.sinks import SinkError
from balise_collector.sinks.influx.point import Point
from balise_collector.sinks.influx.cardinality import Guard
from balise_collector.sinks.influx.bucket import BucketWriter
sink = BucketWriter(url=sys.argv[1], bucket="b", org="o", token=lambda: "t", guard=Guard({}), now=lambda: 1589733000.0)
points = [Point("m", (("probe", "p"),), (("n", n),), (1589733000 + n) * 10**9) for n in range(5)]
waits = 0
for _ in range(int(sys.argv[2])):
    try:
        sink.write(points)
    except SinkError:
        waits += 1
sink.write(points)
print(json.dumps({"waits": waits, "dropped": sink.dropped}))
"""


def run(bed: Bed) -> Outcome:
    """Answer the sink's writes like a portal, a proxy and a redirection, and then like InfluxDB."""
    stored: list[bytes] = []
    asked = [0]

    class Impostor(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            number = asked[0]
            asked[0] += 1
            status, page = _ANSWERS[number] if number < len(_ANSWERS) else (204, b"")
            stored.extend([body] if status == 204 else [])
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/portal")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Impostor) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        told = bed.script(_SINK, f"http://127.0.0.1:{server.server_port}", str(len(_ANSWERS)))
        server.shutdown()
        thread.join()
    waits = int(told.get("waits", 0))
    figure = (
        f"{waits} of {len(_ANSWERS)} false answers made the points wait, {len(_ANSWERS) - waits} did not; "
        f"{len(stored)} write kept, {told.get('dropped', told.get('raised'))} points dropped"
    )
    return Outcome(waits == len(_ANSWERS) and len(stored) == 1 and told.get("dropped") == 0, figure)


CASES = (Case("f5", "a portal or a proxy answers in InfluxDB's place", run),)
