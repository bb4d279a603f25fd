"""No message shows a password of a database URL, wherever it stands and however the URL is mistyped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.security_answers import render
from app.database.engine import database_name, open_engine
from app.database.shown_url import parse_url, shown_url
from app.settings import Settings
from model.errors import InvalidOption

PASSWORD = "Hunter2zzyzx"  # noqa: S105 - invented
MISTYPED = [
    f"postgresql+psycopg://coder:{PASSWORD}@db:abc/notes",
    f"postgresql+psycopg://coder:{PASSWORD}@db:54 32/notes",
    f"postgresql+psycopg://coder:x@{PASSWORD}@db/notes",
    f"postgresql+psycopg://coder:{PASSWORD}/notes",
    f"postgresql+psycopg://coder/{PASSWORD}@db/notes",
    "postgresql+psycopg://coder:20261130/notes",
    f"postgresql+psycopg:/coder:{PASSWORD}@db/notes",
    f"coder:{PASSWORD}@db/notes",
    f"postgresql://coder:{PASSWORD}@db/notes",
    f"postgresql+psycopg://coder:{PASSWORD}@db",
    f"postgresql+psycopg://db/notes?password={PASSWORD}&password_file=a&password_file=b",
]


@pytest.mark.parametrize("url", MISTYPED)
def test_a_mistyped_url_is_one_sentence_without_its_password(url: str) -> None:
    """From the engine and from the answers to a security review; never a traceback."""
    with pytest.raises(InvalidOption) as caught:
        open_engine(url)
    assert PASSWORD not in str(caught.value)
    assert "20261130" not in str(caught.value)
    try:
        sheet = render(Settings(database=url))
    except InvalidOption as error:
        sheet = str(error)
    assert PASSWORD not in sheet


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://coder:{PASSWORD}@db:5432/notes",
        f"postgresql+psycopg://coder@db/notes?password={PASSWORD}",
        f"postgresql+psycopg://coder@db/notes?sslPassword={PASSWORD}&sslmode=verify-full",
    ],
)
def test_a_url_is_shown_without_its_passwords(url: str) -> None:
    """The rest stays, such as the name of a file with the password."""
    assert PASSWORD not in shown_url(parse_url(url)) + database_name(url)
    assert "notes" in database_name(url)
    named = "postgresql+psycopg://coder@db/notes?password_file=/run/secret"
    assert "password_file=%2Frun%2Fsecret" in database_name(named)


characters = st.text("ab09:/@?#%[]=& ", max_size=6)


@given(st.tuples(characters, characters, characters))
def test_any_password_in_any_disorder_stays_out(pieces: tuple[str, str, str]) -> None:
    """Whatever signs surround it: it is refused unseen, or read as the password."""
    before, middle, after = pieces
    url = f"postgresql+psycopg://coder{before}:{middle}{PASSWORD}{after}@db/notes"
    try:
        shown = shown_url(parse_url(url))
    except InvalidOption as error:
        shown = str(error)
    assert PASSWORD not in shown
