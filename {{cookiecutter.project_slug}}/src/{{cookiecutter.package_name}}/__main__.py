"""The command line: run the service, or check with its doctor whether telemetry arrives."""

import argparse
import sys


def main() -> int:
    """Run the command and return its exit status."""
    description = "Without a command, run the service until SIGTERM or SIGINT."
    parser = argparse.ArgumentParser(description=description)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("run", help="run the service")
    check = commands.add_parser("doctor", help="check whether telemetry arrives; say what is wrong")
    check.add_argument("--json", action="store_true", help="print one JSON document")
#% if cookiecutter.framework in ("celery", "worker")
    send = commands.add_parser("send", help="put one traced message in the queue")
    send.add_argument("amount_cents", type=int)
#% endif
    arguments = parser.parse_args()
    if arguments.command == "doctor":
        from .telemetry import doctor

        return doctor.main(as_json=arguments.json)
    from . import server

#% if cookiecutter.framework in ("celery", "worker")
    if arguments.command == "send":
        server.send(arguments.amount_cents)
        return 0
#% endif
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
