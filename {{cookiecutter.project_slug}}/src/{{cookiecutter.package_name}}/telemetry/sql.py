"""Takes the values out of the text of a database query.

A query with parameters has none: it stays as it is. This is what the semantic conventions for
databases ask for: opentelemetry.io/docs/specs/semconv/database, "Sanitization of db.query.text".
"""

import re

# What a query consists of, as far as it matters here. The first alternative that fits wins, so that
# a quote in a comment or in a name begins no value. A text may have been cut: what has no end goes
# on to the end of the query.
PARTS = r"""
    (?P<comment> -- [^\n]* | /\* .*? (?: \*/ | \Z ) {hash_comment} )
    | (?P<name> ` [^`]* ` {quoted_name} )
    | (?P<value>
        ' [^']* (?: '' [^']* )* (?: ' | \Z )
        {quoted_value}
        | \$ (?P<tag> \w* ) \$ .*? (?: \$ (?P=tag) \$ | \Z )  # PostgreSQL's text between dollars
        | (?<! [\w$:@?%] ) \d [\w.]* (?: (?<=[eE]) [+-] \d+ )?  # a number; $1, :1 and @p1 are none
    )
"""
FLAGS = re.VERBOSE | re.DOTALL
# Most databases have names in double quotes. MySQL has texts there, and comments after a #.
STANDARD = re.compile(
    PARTS.format(
        hash_comment="",
        quoted_name='| " [^"]* "',
        quoted_value="",
    ),
    FLAGS,
)
BRACKETS = re.compile(  # names may also be in brackets, which are lists elsewhere
    PARTS.format(
        hash_comment="",
        quoted_name=r'| " [^"]* " | \[ [^\]]* \]',
        quoted_value="",
    ),
    FLAGS,
)
MYSQL = re.compile(
    PARTS.format(
        hash_comment=r"| \# [^\n]*",
        quoted_name="",
        quoted_value=r'| " [^"]* (?: "" [^"]* )* (?: " | \Z )',
    ),
    FLAGS,
)
BY_SYSTEM = {
    "": MYSQL,  # not known: a name is hidden rather than a text shown
    "mariadb": MYSQL,
    "mysql": MYSQL,
    "microsoft.sql_server": BRACKETS,
    "mssql": BRACKETS,
    "sqlite": BRACKETS,
}
# By some databases the quote after a backslash ends the text, and by others it does not.
AMBIGUOUS = re.compile(r"\\['\"]")


def sanitized(query: str, system: str) -> str:
    """Return a query with ? for each value in it, and without comments.

    `system` is the attribute db.system.name.
    """
    parts = BY_SYSTEM.get(system, STANDARD)
    if AMBIGUOUS.search(query):
        before_quotes = re.split("['\"]", query)[0]
        query = before_quotes + "'"
    return parts.sub(_without_value, query)


def _without_value(part: re.Match[str]) -> str:
    if part["name"]:
        return part["name"]
    return "?" if part["value"] else ""
