"""The command line: run the service, or ask its doctor whether telemetry arrives."""

import argparse
import sys


def main() -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description="Without a command, run the service until SIGTERM or SIGINT.")
    parser.add_argument("command", nargs="?", choices=("run", "doctor"), default="run")
    if parser.parse_args().command == "doctor":
        from .telemetry import doctor

        return doctor.main()
    from .server import run

    run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
