from pathlib import Path

import numpy as np
import pytest
from support.audio import bad_files, music, write

from m2l_bench import audio
from m2l_bench.errors import BadClip


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channels(tmp_path: Path, rate: int, channels: int) -> None:
    original = music(0.1, rate, channels)
    read, read_rate = audio.read(write(tmp_path / "a.wav", original, rate, "FLOAT"))
    assert read_rate == rate
    np.testing.assert_array_equal(read, original)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_any_sample_format_has_full_scale_one(tmp_path: Path, subtype: str) -> None:
    original = music(0.1)
    read, _ = audio.read(write(tmp_path / "a.wav", original, subtype=subtype))
    np.testing.assert_allclose(read, original, atol=1 / 64)


@pytest.mark.parametrize("name", ["with space.wav", "naïve 音.flac", "new\nline.wav", "-dash.ogg", "semi;colon&.wav"])
def test_any_name(tmp_path: Path, name: str) -> None:
    assert audio.read(write(tmp_path / name, music(0.1)))[0].shape[1] == 4410


def test_a_section_by_seconds(tmp_path: Path) -> None:
    original = music(2.0)
    path = write(tmp_path / "a.wav", original, subtype="FLOAT")
    np.testing.assert_array_equal(audio.read(path, 0.5, 1.0)[0], original[:, 22_050:66_150])
    assert audio.read(path, 1.5, 10.0)[0].shape[1] == 22_050
    with pytest.raises(BadClip, match=r"starts at 3 s but the file lasts 2\.0 s"):
        audio.read(path, 3.0)


def test_bad_files_say_what_is_wrong(tmp_path: Path) -> None:
    expected = bad_files(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(BadClip, match=expected.pop(path.stem)):
            audio.read(path)
    assert not expected
    with pytest.raises(BadClip, match="file not found"):
        audio.read(tmp_path / "gone.wav")


def test_resampling_keeps_a_tone_and_its_length() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)[None].astype(np.float32)
    resampled = audio.resample(tone, 48_000, 44_100)
    expected = np.sin(2 * np.pi * 1000 * np.arange(44_100) / 44_100)
    assert resampled.shape == (1, 44_100)
    np.testing.assert_allclose(resampled[0, 500:-500], expected[500:-500], atol=1e-3)


def test_flac_is_clipped_and_readable(tmp_path: Path) -> None:
    loud = 3 * music(0.1, channels=2)
    path = tmp_path / "a.flac"
    path.write_bytes(audio.flac_bytes(loud, 44_100))
    np.testing.assert_allclose(audio.read(path)[0], np.clip(loud, -1, 1), atol=1e-4)
