"""Go's words for texts that are no JSON."""

from __future__ import annotations

import pytest

from pybernetes.lang.gojson import go_json_error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "unexpected end of JSON input"),
        (b'{"a":', "unexpected end of JSON input"),
        (b"x", "invalid character 'x' looking for beginning of value"),
        (b"{x}", "invalid character 'x' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b"[1 2]", "invalid character '2' after array element"),
        (b"{} x", "invalid character 'x' after top-level value"),
        (b"no", "invalid character 'o' in literal null (expecting 'u')"),
        (b"[tru]", "invalid character ']' in literal true (expecting 'e')"),
        (b'{} "', "invalid character '\"' after top-level value"),
        (b"fals", "unexpected end of JSON input"),
        (b"'a'", "invalid character '\\'' looking for beginning of value"),
    ],
)
def test_errors(text: bytes, message: str) -> None:
    assert go_json_error(text, "?") == message
