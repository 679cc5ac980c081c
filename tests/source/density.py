"""Measures how dense the code is that people read most: `python -m tests.source.density [ROOT]` prints it for each file.

ROOT is another checkout of this template, to compare with.
"""

import ast
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import template

LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
WIDTH = 100  # columns


def sources(root: Path = template.ROOT) -> list[Path]:
    """Return the files of telemetry/, of each option too, and those of the update program."""
    project = root / template.PROJECT.name
    telemetry = [path for path in project.rglob("telemetry/**/*.py") if "tests" not in path.relative_to(root).parts]
    return sorted([*telemetry, *project.glob(".template/*.py"), *root.glob("update/**/*.py")])


def tokens(source: str) -> list[int]:
    """Return how many tokens each line of code has, least first; comments and docstrings are no code.

    An f-string counts as one token, as it is before Python 3.12.
    """
    documented: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            documented.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines: Counter[int] = Counter()
    inside = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if not inside and token.type not in LAYOUT and token.start[0] not in documented:
            lines[token.start[0]] += 1
        kind = tokenize.tok_name[token.type]
        inside += (kind == "FSTRING_START") - (kind == "FSTRING_END")
    return sorted(lines.values())


def figures(counts: Sequence[int]) -> tuple[float, int]:
    """Return the mean and the 95th percentile of the tokens of lines, sorted."""
    if not counts:
        return 0, 0
    return sum(counts) / len(counts), counts[len(counts) * 95 // 100]


def wide(source: str) -> list[int]:
    """Return the numbers of the lines that are longer than WIDTH."""
    return [number for number, line in enumerate(source.splitlines(), 1) if len(line) > WIDTH]


def tricks(source: str) -> Iterator[str]:
    """Yield what has to be read twice: an iterable with a condition, a text times a truth, two assignments in one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.IfExp):
            yield f"line {node.iter.lineno}: loops over a conditional expression"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            sides = (node.left, node.right)
            if any(map(_is_text, sides)) and any(map(_is_truth, sides)):
                yield f"line {node.lineno}: multiplies a text by a truth value"
        elif isinstance(node, ast.Assign) and all(isinstance(n, ast.Tuple) for n in (node.targets[0], node.value)):
            yield f"line {node.lineno}: packs two assignments into one"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_truth(node: ast.expr) -> bool:
    is_not = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    is_call = isinstance(node, ast.Call) and ast.unparse(node.func) == "bool"
    return is_not or is_call or isinstance(node, ast.Compare | ast.BoolOp)


def main() -> None:
    """Print the table."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else template.ROOT
    print(f"{'file':<60} {'lines':>5} {'mean':>5} {'p95':>4} {'over ' + str(WIDTH):>8}")
    everything: list[int] = []
    too_wide = 0
    lines = 0
    for path in sources(root):
        source = path.read_text()
        counts = tokens(source)
        everything += counts
        too_wide += len(wide(source))
        lines += source.count("\n")
        mean, high = figures(counts)
        name = str(path.relative_to(root)).replace("{{cookiecutter.", "{")[-60:]
        print(f"{name:<60} {source.count(chr(10)):5} {mean:5.1f} {high:4} {len(wide(source)):8}")
    mean, high = figures(sorted(everything))
    print(f"{'all':<60} {lines:5} {mean:5.2f} {high:4} {too_wide:8}")


if __name__ == "__main__":
    main()
