"""Write a company's settings into its fork of the template: `python3 docs/organisation/pin.py acme.toml`, in the fork.

A second run changes nothing, so run it again after each merge.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# The hosts that upstream's manifests name.
UPSTREAM = re.compile(r"\botel-(collector|gateway)\.observability\b")
# The sampler as a line of an env file, and as a row of templates/environment.jinja.
LINE = re.compile(r"^OTEL_TRACES_SAMPLER=.*\n(OTEL_TRACES_SAMPLER_ARG=.*\n)?", re.MULTILINE)
ROW = re.compile(r'^  \{\n    "name": "OTEL_TRACES_SAMPLER(?:_ARG)?",\n(?:    .*\n)*?  \},\n', re.MULTILINE)


def places(template: Path) -> Iterator[Path]:
    """Yield the files that say where telemetry goes, and how it is sampled."""
    services = template.glob("*project_slug*/options/deployment")
    pipelines = template.glob("pipeline/*pipeline_slug*")
    for folder in (*services, *pipelines, template / "templates"):
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def pin_deployment(template: Path, pins: Mapping[str, Any]) -> None:
    """Replace upstream's collector host and sampler in all of them."""
    line = f"OTEL_TRACES_SAMPLER={pins['sampler']}\nOTEL_TRACES_SAMPLER_ARG={pins['sampler_argument']}\n"
    rows = "".join(
        f'  {{\n    "name": "{name}",\n    "value": "{pins[key]}",\n    "why": "The company\'s choice.",\n  }},\n'
        for name, key in (("OTEL_TRACES_SAMPLER", "sampler"), ("OTEL_TRACES_SAMPLER_ARG", "sampler_argument"))
    )
    for path in places(template):
        text = path.read_text()
        new = LINE.sub(line, UPSTREAM.sub(pins["collector"], text))
        if found := ROW.search(new):
            new = new[: found.start()] + rows + ROW.sub("", new[found.start() :])
        if new != text:
            path.write_text(new)


def pin_questions(template: Path, pins: Mapping[str, Any]) -> None:
    """Make `team` a choice among the company's teams. This changes one line, so the next merge is clean."""
    file = template / "cookiecutter.json"
    file.write_text(
        re.sub(r'^  "team": .*$', f'  "team": {json.dumps(pins["teams"])},', file.read_text(), flags=re.MULTILINE)
    )


def main(pins: Path, template: Path) -> None:
    """Pin everything."""
    wanted = tomllib.loads(pins.read_text())
    pin_deployment(template, wanted)
    pin_questions(template, wanted)
    (project,) = template.glob("*project_slug*")
    (project / "LICENSE").write_text(wanted["licence"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path.cwd())
