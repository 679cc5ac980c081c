"""A query is sent without its values, however it is written; one with parameters stays as it is."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode

from .conftest import NAME

SECRET = "S3CRET"  # what must not be left, in whatever it stands
Sanitized = Callable[[str, str], str]


@pytest.fixture(scope="module")
def sanitized(telemetry: Any) -> Sanitized:
    """Return the function."""
    function: Sanitized = importlib.import_module(f"{NAME}.sql").sanitized
    return function


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("select 'secret-literal'", "select ?"),
        ("ALTER ROLE x PASSWORD 'y'", "ALTER ROLE x PASSWORD ?"),
        (
            "select * from t2 where a = 'it''s' and b in (1, -2.5e-3, 0xFF)",
            "select * from t2 where a = ? and b in (?, -?, ?)",
        ),
        ("select * from t where a = $1 and b = :b1 and c = %s and d = ? and e = @p1", None),
        ("""select "o'brien", `it's` from "t" """, None),
        ("select 1 -- don't\nfrom t /* '5' */ limit 10", "select ? \nfrom t  limit ?"),
        ("select $$it's$$, $tag$a $$ b$tag$, x", "select ?, ?, x"),
        ("select 'cut o", "select ?"),
        ("select array['a', 'b']", "select array[?, ?]"),
    ],
)
def test_values_are_taken_out(query: str, sent: str | None, sanitized: Sanitized) -> None:
    """Texts, numbers and comments go; names, keywords and parameters stay."""
    assert sanitized(query, "postgresql") == (query if sent is None else sent)


def test_each_database_has_its_quotes(sanitized: Sanitized) -> None:
    """MySQL's double quotes and an unknown database's hold texts; SQL Server's brackets hold names."""
    query = f"select \"{SECRET}\" # don't\nfrom t where a = '{SECRET}'"
    for system in ("mysql", "mariadb", ""):
        assert SECRET not in sanitized(query, system)
    assert sanitized(f"select [o'brien] from t where a = '{SECRET}'", "microsoft.sql_server") == (
        "select [o'brien] from t where a = ?"
    )


# A value as an application writes it, in the ways that databases know; and what may stand between values.
VALUES = st.sampled_from(
    [
        f"'{SECRET}'",
        f"'it''s {SECRET}'",
        f"'a\\' {SECRET}'",
        f"'{SECRET}\\\\'",
        f"'\"{SECRET}'",
        f"'-- {SECRET}'",
        f"$${SECRET}'$$",
        f"$q${SECRET} $$ $q$",
        f"E'{SECRET}'",
        f"'/* {SECRET}'",
    ]
)
BETWEEN = st.sampled_from(
    [" , ", " = ", "\n-- it's\n", " /* it's */ ", ' "na\'me" ', " `na'me` ", " $1 ", " 5 ", " (", ")"]
)


@settings(max_examples=500, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(st.tuples(BETWEEN, VALUES), max_size=6),
    system=st.sampled_from(["postgresql", "mysql", ""]),
    kept=st.integers(1, 200),
)
def test_no_value_is_left(parts: list[tuple[str, str]], system: str, kept: int, sanitized: Sanitized) -> None:
    """Whatever stands around it, whichever database it is and wherever the query is cut, no value is left in it."""
    if system != "postgresql":  # the others have no text between dollars
        parts = [(between, value) for between, value in parts if "$" not in value]
    query = "select " + "".join(between + value for between, value in parts)
    assert SECRET not in sanitized(query, system)
    assert SECRET not in sanitized(query[:kept], system)


def test_it_takes_no_time(sanitized: Sanitized) -> None:
    """The longest text that a span may have, of nothing but quotes, dollars or comments, is read in one go."""
    for piece in ("'", '"', "$", "''\"", "$a", "/*", "--", "\\'", "[", "0."):
        sanitized(piece * (131_072 // len(piece)), "postgresql")
        sanitized(piece * (131_072 // len(piece)), "")


def test_a_span_is_sent_without_values(telemetry: Any) -> None:
    """Under the new name of the attribute and the old one."""
    span: Any = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("query")
    span.set_attributes({"db.query.text": "select 'a'", "db.statement": "select 'b'", "db.system.name": "postgresql"})
    span.end()
    copy = importlib.import_module(f"{NAME}.scrubbing").scrubbed(span)
    assert dict(copy.attributes) == {
        "db.query.text": "select ?",
        "db.statement": "select ?",
        "db.system.name": "postgresql",
    }


def test_an_exception_of_sqlalchemy_has_no_values(telemetry: Any) -> None:
    """It repeats the query and its parameters: both are sent without values, and the reason stays."""
    text = f"""(psycopg.Error) duplicate key
[SQL: INSERT INTO t (a) VALUES ('{SECRET}', %(b)s)]
[parameters: {{'b': '{SECRET}', 'c': [1, 2]}}]
(Background on this error at: https://sqlalche.me/e/20/gkpj)"""
    span: Any = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("query")
    span.record_exception(ValueError(text))
    span.set_status(Status(StatusCode.ERROR, text))
    span.end()
    copy = importlib.import_module(f"{NAME}.scrubbing").scrubbed(span)
    (event,) = copy.events
    for sent in (*event.attributes.values(), copy.status.description):
        assert SECRET not in sent
    assert event.attributes["exception.message"].startswith(
        "(psycopg.Error) duplicate key\n[SQL: INSERT INTO t (a) VALUES (?"
    )
