"""Addresses of the template's repository: their forms, and which of them are the same."""

import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from .repository import RefusedError, git

# Cookiecutter's own abbreviations.
HOSTS = {
    "gh": "github.com",
    "gl": "gitlab.com",
    "bb": "bitbucket.org",
}
# By ssh only the user git counts, and a path from there: another user has another home.
SECURE = (
    re.compile(
        r"https://(?:[\w.~%+-]+(?::[\w.~%+-]*)?@)?([\w.-]+)(?::443)?/([\w./~+-]+)",
    ),
    re.compile(r"ssh://git@([\w.-]+)(?::22)?/([\w.~+-][\w./~+-]*)"),
    re.compile(r"git@([\w.-]+):([\w.~+-][\w./~+-]*)"),
)
FILE = re.compile(r"^file://(localhost)?")


def expanded(template: str) -> str:
    """Return the template's address as Git takes it."""
    host, _, rest = template.partition(":")
    if host in HOSTS:
        return f"https://{HOSTS[host]}/{rest}.git"
    # With a colon it is an address, even if a link in the service has that name.
    if ":" in template or not Path(template).exists():
        return template
    return str(Path(template).absolute())


def without_credentials(url: str) -> str:
    """Return an https address without user, password and token, as it may be committed."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host))


def identity(url: str) -> str:
    """Return host and path of a repository, the same for each secure form, or an empty text."""
    host, _, rest = url.partition(":")
    if host in HOSTS:
        url = f"https://{HOSTS[host]}/{rest}"
    for form in SECURE:
        found = form.fullmatch(url)
        if not found:
            continue
        host = found[1].lower()
        path = found[2]
        if ".." in path.split("/"):
            return ""
        path = path.strip("/").removesuffix(".git")
        return f"{host}/{path.lower()}"
    return ""


def local(url: str, *folders: Path) -> bool:
    """Tell whether an address is a path inside one of these folders."""
    path = Path(FILE.sub("", url))
    if not path.exists():
        return False
    place = path.resolve()
    return any(place.is_relative_to(folder.resolve()) for folder in folders)


def refuse_own(url: str, top: Path) -> None:
    """Raise RefusedError if the template is the service's own repository.

    The program of the template runs on this machine, so it must not be one that the service holds.
    """
    if local(url, top):
        raise own(url)
    wanted = any_scheme(url)
    for line in git(top, "remote -v").splitlines():
        words = line.split()
        if len(words) > 1 and wanted and any_scheme(words[1]) == wanted:
            raise own(url)


def any_scheme(url: str) -> str:
    """Return the identity of an address, with http and https as the same."""
    return identity(re.sub("^http:", "https:", url))


def own(url: str) -> RefusedError:
    """Return the error for a template that is the service's own repository."""
    return RefusedError(
        f"the template must not be in the service's own repository, got {url!r}.",
    )
