"""Certificates of a first start with compose."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from scripts.dev_certificates import renew_certificates
from scripts.render_base import ROOT


def test_script_makes_certificates_once(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "dev_certificates.py"), str(tmp_path)]

    printed = [subprocess.check_output(command, text=True) for _ in range(2)]

    assert printed == ["certificates written\n", "certificates still good\n"]
    assert {path.name for path in tmp_path.iterdir()} == {
        *("ca.crt", "tls.crt", "tls.key", "caller.crt", "caller.key")
    }
    assert (tmp_path / "tls.key").stat().st_mode & 0o777 == 0o600


def test_certificates_that_end_soon_are_renewed(tmp_path: Path) -> None:
    made = [renew_certificates(tmp_path) for _ in range(2)]
    first = (tmp_path / "tls.crt").read_bytes()

    is_renewed = renew_certificates(tmp_path, before_end=timedelta(days=31))

    assert (made, is_renewed) == ([True, False], True)
    assert (tmp_path / "tls.crt").read_bytes() != first
