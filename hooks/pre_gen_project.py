"""Refuse bad answers before anything is written: one sentence each, with the expected form and the value given."""

import json
import keyword
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
# The answers as given, before Cookiecutter evaluated them. Only hooks that Cookiecutter itself runs get them.
GIVEN = json.loads(r"""{{ _cookiecutter | default({}) | tojson }}""")

# All names that are in use in the environment of a generated service of any kind: distributions and modules (hyphens
# written as underscores), commands, the service's own tests. uv refuses only a second distribution. Two modules or
# commands of one name are installed without an error: the later file wins, and an import, a command or `activate` is
# then the wrong one. A test installs every framework and checks that the list is complete.
TAKEN = """
activate activate_this amqp annotated_doc annotated_types anyio ast_serialize billiard blinker celery celery_types
certifi cffi charset_normalizer click click_didyoumean click_plugins click_repl colorama dateutil deactivate dmypy
dotenv execnet fastapi flask google googleapis_common_protos greenlet grpc grpcio gunicorn gunicornc h11 hatch
hatchling httpcore httpcore2 httptools httpx httpx2 idna iniconfig itsdangerous jinja2 kombu librt markupsafe mypy
mypy_extensions mypyc normalizer opentelemetry packaging pathspec pip pip3 pluggy prompt_toolkit protobuf py
pydantic pydantic_core pydoc pygmentize pygments pytest python python3 python_dateutil python_dotenv
python_json_logger pythonjsonlogger pyyaml redis requests ruff setuptools six starlette stubgen stubtest tests truststore types_gunicorn typing_extensions
typing_inspection tzdata tzlocal urllib3 uv uvicorn uvloop uvx vine watchfiles wcwidth websockets werkzeug wheel
wrapt xdist yaml
""".split()
TAKEN_PREFIXES = ("opentelemetry_", "pytest_")
# Modules that only some Pythons from 3.11 on have. The service must run on all of them.
STDLIB_OF_SOME = """
aifc annotationlib asynchat asyncore audioop cgi cgitb chunk compression crypt distutils imghdr imp lib2to3 mailcap
msilib nis nntplib ossaudiodev pipes profiling smtpd sndhdr spwd sunau telnetlib test uu xdrlib
""".split()

Rule = tuple[Callable[[str], object], str]

# Without control characters, line ends, surrogates and non-characters: no file format accepts all of these.
TEXT = (
    re.compile(r"(?=.*\S)[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]{1,200}").fullmatch,
    "one line of text, at most 200 characters",
)
LITERAL = (
    lambda value: not re.search(r"\{[%#{]", value),
    "text without a brace before a {, % or #, which Cookiecutter evaluates",
)
NO_STATEMENT = (
    lambda value: not value.lstrip().startswith("#%"),
    "text that does not begin with #%, which Cookiecutter evaluates",
)
# The name of a Kubernetes Service has at most 63 characters. 11 are left for suffixes.
SLUG = (
    re.compile(r"(?!.{53})[a-z][a-z0-9]*(-[a-z0-9]+)*").fullmatch,
    "lower-case letters, digits and single hyphens, a letter first, at most 52 characters",
)
IDENTIFIER = (re.compile(r"[a-z][a-z0-9_]*").fullmatch, "a lower-case Python identifier")
SHORT = (lambda value: len(value) <= 52, "at most 52 characters long")
NO_KEYWORD = (lambda value: not keyword.iskeyword(value), "a name that is not a Python keyword")
NOT_STDLIB = (
    lambda value: value not in sys.stdlib_module_names and value not in STDLIB_OF_SOME,
    "a name that Python's standard library does not use",
)
FREE = (
    lambda value: not value.replace("-", "_").startswith(TAKEN_PREFIXES) and value.replace("-", "_") not in TAKEN,
    "a name that no package, module or command in its environment has",
)
LABEL = (
    re.compile(r"(?!.{64})[a-z0-9]+(-+[a-z0-9]+)*").fullmatch,
    "lower-case letters, digits and hyphens between them, at most 63 characters",
)
RULES: Mapping[str, tuple[Rule, ...]] = {
    "project_name": (TEXT, LITERAL, NO_STATEMENT),
    "project_slug": (SLUG, FREE),
    "package_name": (IDENTIFIER, SHORT, NO_KEYWORD, NOT_STDLIB, FREE),
    "description": (TEXT, LITERAL, NO_STATEMENT),
    "team": (LABEL,),
}


def problems(answers: Mapping[str, str], given: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each bad answer, about the first rule that it breaks."""
    for name, rules in RULES.items():
        value, source = str(answers[name]), str(given.get(name, ""))
        evaluated = tuple(rule for rule in (LITERAL, NO_STATEMENT) if not rule[0](source))
        if evaluated and "slugify(" not in source:  # not a derived default, but a person's text
            rules, value = evaluated, source
        shape = next((shape for accepts, shape in rules if not accepts(value)), None)
        if shape:
            yield f"{name} must be {shape}, got {value!r}."


def remove_empty(folder: Path, top: Path) -> None:
    """Remove this folder and the ones above it, below `top`, while they are empty."""
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def main() -> int:
    """Print each problem on standard error. Return 1 if there is one, so that Cookiecutter stops."""
    found = list(problems(ANSWERS, GIVEN))
    for sentence in found:
        print(sentence, file=sys.stderr)
    if "/" in ANSWERS["project_slug"]:  # Cookiecutter removes only one of the folders that the slashes made
        remove_empty(Path.cwd(), Path(ANSWERS.get("_output_dir", ".")).resolve())
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
