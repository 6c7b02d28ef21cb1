"""InfluxDB in the centre: the collector's long memory, where a run asks for one.

Lives here: configuration texts. Debian's influxd is version 1.6, which has InfluxQL and line protocol and no
/api/v2/write; the small nginx before it rewrites that path as 1.8 does by itself. Nobody else is in the centre, so
nobody logs in. Must not live here: asking it (influxdb).
"""

from pathlib import Path
from typing import Final

PORT: Final = 8086
"""Of the nginx that collector and auditor talk to."""
_INNER: Final = 8087
_RPC: Final = 8088
SERVER: Final = "influx"
FRONT: Final = "influx-front"
POINTS: Final = "balise"
ROLLUPS: Final = "balise_rollup"
"""The two databases; the collector calls them buckets."""
URL: Final = f"http://127.0.0.1:{PORT}"


def configuration(folder: Path) -> str:
    """influxd.conf with all files in this folder."""
    return "\n".join(
        [
            "reporting-disabled = true",
            f'bind-address = "127.0.0.1:{_RPC}"',
            "[meta]",
            f'dir = "{folder}/meta"',
            "[data]",
            f'dir = "{folder}/data"',
            f'wal-dir = "{folder}/wal"',
            'index-version = "tsi1"',
            "query-log-enabled = false",
            "[http]",
            f'bind-address = "127.0.0.1:{_INNER}"',
            "log-enabled = false",
            "[monitor]",
            "store-enabled = false",
            "",
        ]
    )


def front(folder: Path) -> str:
    """nginx.conf of the rewrite: precision and bucket are called otherwise on /write, the token is not looked at.

    One process: a master that is killed would leave its worker behind, listening.
    """
    temporary = "".join(
        f"  {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"user root;\ndaemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr warn;\n"
        "events { worker_connections 64; }\n"
        "http {\n  access_log off;\n  client_max_body_size 32m;\n"
        f"{temporary}"
        '  map $arg_precision $short { default $arg_precision; us u; ns n; "" n; }\n'
        f"  server {{\n    listen 127.0.0.1:{PORT};\n"
        "    location = /api/v2/write {\n"
        '      set $args "db=$arg_bucket&precision=$short";\n'
        "      rewrite ^ /write break;\n"
        f"      proxy_pass http://127.0.0.1:{_INNER};\n    }}\n"
        f"    location / {{ proxy_pass http://127.0.0.1:{_INNER}; }}\n  }}\n}}\n"
    )
