"""``python -m balise_agent``: the same as ``balise-agent``."""

import sys

from balise_agent.run.cli import main

sys.exit(main())
