"""What the probes measure: a small internet behind their gateway, with a name server and a web server.

Lives here: names, addresses, the two programs (dnsmasq and nginx of .tools), and the catalogue that lists them. Must
not live here: any interference. Nothing is blocked on this ground; the lab is the place for that.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from balise_ground.authority import Authority
from balise_ground.network import Network

SERVICE = "measured"
SUBJECT = ("www.measured.example", "198.19.0.10")
NEIGHBOUR = ("static.measured.example", "198.19.0.10")
CONTROLS = (("one.control.example", "198.19.1.1"), ("two.control.example", "198.19.2.1"))
DOMESTIC = ("home.control.example", "198.19.3.1")
RESOLVER = "198.19.0.53"
_ALL = (SUBJECT, NEIGHBOUR, *CONTROLS, DOMESTIC)

_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 128; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 80; listen 443 ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    location / {{ default_type text/plain; return 200 "here\\n"; }}
  }}
}}
"""


def catalogue() -> dict[str, str]:
    """Return the files of a catalogue with one service, by name."""
    controls = "".join(f'[[control]]\nname = "{name}"\naddresses = ["{address}"]\n' for name, address in CONTROLS)
    return {
        f"{SERVICE}.toml": (
            f'service = "{SERVICE}"\nname = "Measured"\nversion = "ground"\n'
            f'[[target]]\nrole = "web"\nhost = "{SUBJECT[0]}"\naddresses = ["{SUBJECT[1]}"]\n'
            f'neighbour = "{NEIGHBOUR[0]}"\n'
        ),
        "controls.toml": (
            f'version = "ground"\n{controls}'
            f'[[control]]\nname = "{DOMESTIC[0]}"\naddresses = ["{DOMESTIC[1]}"]\nscope = "domestic"\ncountry = "PK"\n'
            f'[dns]\npublic_resolvers = ["{RESOLVER}"]\nsilent_addresses = []\ncontrol_name = "{CONTROLS[0][0]}"\n'
        ),
    }


def serve(tools: Path, folder: Path, network: Network, authority: Authority) -> list[subprocess.Popen[bytes]]:
    """Start both programs on the ground's side of the network; they end with our namespaces."""
    folder.mkdir()
    for address in sorted({address for _, address in _ALL} | {RESOLVER}):
        network.serve_on(address)
    pair = authority.issue("server", *(name for name, _ in _ALL))
    settings = folder / "nginx.conf"
    text = _NGINX.format(folder=folder, certificate=pair.certificate, key=pair.key)
    settings.write_text(text, encoding="ascii")
    names = [f"--address=/{name}/{address}" for name, address in _ALL]
    commands = (
        [str(tools / "nginx"), "-p", str(folder), "-c", str(settings)],
        [str(tools / "dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
         "--pid-file=", "--user=root", "--group=root", *names],
    )  # fmt: skip
    log = (folder / "log").open("ab")
    return [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) for command in commands]
