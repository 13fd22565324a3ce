from pathlib import Path

import numpy as np
import pytest
from support.audio import music, write

from m2l_bench.codecs.recorded import Recorded
from m2l_bench.errors import BadClip, MissingRecording


def test_a_label_is_believed_or_not(tmp_path: Path) -> None:
    sequence = music(0.5, 48_000)
    write(tmp_path / "a.wav", sequence, 44_100, "FLOAT")
    believed = Recorded(tmp_path).reconstruct("a", sequence, 48_000)
    assert believed.shape[1] == round(24_000 * 48_000 / 44_100)
    taken = Recorded(tmp_path, sample_rate="reference").reconstruct("a", sequence, 48_000)
    np.testing.assert_array_equal(taken, sequence)


def test_files_are_found_by_id(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    write(tmp_path / "sub" / "a b.flac", music(0.1))
    write(tmp_path / "-dash.v2.wav", music(0.1))
    assert recorded.reconstruct("sub/a b", music(0.1), 44_100).shape == (1, 4410)
    assert recorded.reconstruct("-dash.v2", music(0.1), 44_100).shape == (1, 4410)
    for absent in ("a b", "-dash", "elsewhere/a"):
        with pytest.raises(MissingRecording):
            recorded.reconstruct(absent, music(0.1), 44_100)


def test_two_files_for_a_clip_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", music(0.1))
    write(tmp_path / "a.flac", music(0.1))
    with pytest.raises(BadClip, match=r"two files for it: a\.flac, a\.wav"):
        Recorded(tmp_path).reconstruct("a", music(0.1), 44_100)
