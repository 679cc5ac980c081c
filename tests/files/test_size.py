"""A service holds little that is not its team's: its lines are counted, part by part."""

from collections.abc import Callable
from pathlib import Path

from .size import count, part, table

LIMIT = 8_200  # of lines; a service that is much larger has gained what need not be in it


def test_the_default_service_is_small(rendered: Callable[..., Path]) -> None:
    """The default service has fewer lines than the limit, and none of the cluster's."""
    _, lines = count(rendered())
    assert lines["deploy/, the cluster's"] == 0
    assert lines.total() < LIMIT, table(rendered())


def test_every_line_is_counted_once(rendered: Callable[..., Path]) -> None:
    """The parts together have the lines of all files, and a file of the cluster is known as such."""
    texts = [path.read_text() for path in rendered().rglob("*") if path.is_file()]
    files, lines = count(rendered())
    assert files.total() == len(texts)
    assert lines.total() == sum(len(text.splitlines()) for text in texts)
    assert part("deploy/pipeline/agent.yaml") == part("deploy/collector/gateway.yaml") == "deploy/, the cluster's"
    assert part("deploy/collector/agent.yaml") == "deploy/, the service's own"
