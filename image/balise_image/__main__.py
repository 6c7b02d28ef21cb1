"""`python -m balise_image build|test|clean`: what the Makefile calls. Exit 0, or 1 with one line that says the mend."""

import argparse
import sys

from balise_image import build, trial
from balise_image.recipe import RecipeError


def main() -> int:
    """Do one thing."""
    parser = argparse.ArgumentParser(prog="balise_image", description="The card's image.")
    commands = parser.add_subparsers(dest="what", required=True)
    making = commands.add_parser("build", help="build it")
    making.add_argument("--unpacked", action="store_true", help="only what `test` needs: no compression, no dist/")
    commands.add_parser("clean", help="forget every stage but the downloaded packages")
    test = commands.add_parser("test", help="boot it in QEMU and try the scenarios")
    test.add_argument("names", nargs="*", metavar="SCENARIO", help="default: all")
    test.add_argument("--pass-at-most", type=float, default=1e9, metavar="S", help="shorten the quiet stretches")
    test.add_argument("--together", type=int, default=2, metavar="N", help="machines at the same time")
    options = parser.parse_args()
    try:
        if options.what == "build":
            build.build(pack=not options.unpacked)
        elif options.what == "clean":
            build.clean()
        else:
            return 1 if trial.run(options.names, pass_at_most=options.pass_at_most, together=options.together) else 0
    except RecipeError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
