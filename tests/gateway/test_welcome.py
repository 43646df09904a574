"""`imagemesh welcome`: the demo key and the address."""

from pathlib import Path

import pytest

from tests.gateway.ended import ended
from tests.gateway.running import database_url


def test_demo_key_is_kept_until_it_is_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", database_url(tmp_path))
    monkeypatch.setenv("GATEWAY_PUBLIC_URL", "http://localhost:8080")
    path = tmp_path / "api-key"

    first = ended(["welcome", str(path)], capsys)
    key = path.read_text().strip()
    again = ended(["welcome", str(path)], capsys)
    ended(["keys", "revoke", key.split("_")[2]], capsys)
    ended(["welcome", str(path)], capsys)

    assert (first.code, again.out) == (0, first.out)
    assert f"http://localhost:8080/#key={key}" in first.out
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().strip() != key
