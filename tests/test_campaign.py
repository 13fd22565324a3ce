"""Some trials of `scripts/campaign.py`: random kills, damaged files, and machines that lack something."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_random_faults_lose_nothing() -> None:
    campaign = [sys.executable, ROOT / "scripts" / "campaign.py", "--seconds", "30", "--seed", "0"]
    done = subprocess.run(campaign, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^[1-9]\d* trials in \d+ s, 0 failed$", done.stdout, re.MULTILINE), done.stdout
