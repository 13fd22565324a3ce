"""Where a file becomes audio: what its header promises decides nothing that what is in it does not confirm."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from m2l_bench.audio import AudioFile, duration_seconds, read
from m2l_bench.errors import BadClip

RATE = 44_100


def noise(seconds: float = 2.0, channels: int = 2) -> np.ndarray:
    """(samples, channels); the first half is soft, so that a variable bit rate varies."""
    samples = 0.2 * np.random.default_rng(0).standard_normal((round(seconds * RATE), channels)).astype(np.float32)
    samples[: len(samples) // 2] *= 0.001
    return samples


def encoded(format: str, subtype: str | None = None, seconds: float = 2.0, **options: object) -> bytes:
    buffer = io.BytesIO()
    rate = 48_000 if subtype == "OPUS" else RATE
    soundfile.write(buffer, noise(seconds), rate, format=format, subtype=subtype, **options)
    return buffer.getvalue()


def without_count(mp3: bytes) -> bytes:
    """The MP3 without its first frame, which holds the Xing or Info header."""
    assert mp3[:2] == b"\xff\xfb" and (b"Xing" in mp3[:200] or b"Info" in mp3[:200])
    kilobits = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)[mp3[2] >> 4]
    return mp3[144_000 * kilobits // RATE + (mp3[2] >> 1 & 1) :]


def with_cover(mp3: bytes) -> bytes:
    body = b"APIC" + struct.pack(">I", 100_000) + b"\0\0" + b"\0image/png\0\x03\0" + bytes(range(256)) * 391
    size = len(body)
    return b"ID3\x03\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + body + mp3


def with_total(flac: bytes, samples: int) -> bytes:
    """The FLAC with another total number of samples in its header."""
    field = int.from_bytes(flac[18:26], "big") >> 36 << 36 | samples
    return flac[:18] + field.to_bytes(8, "big") + flac[26:]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("format", "subtype"),
    [
        *(("WAV", kind) for kind in ("PCM_16", "PCM_24", "FLOAT", "ULAW")),
        *((kind, "PCM_16") for kind in ("WAVEX", "AIFF", "AU", "CAF", "W64", "RF64", "FLAC")),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", None),
    ],
)
def test_whole_files_are_read_as_libsndfile_reads_them(tmp_path: Path, format: str, subtype: str | None) -> None:
    path = written(tmp_path / "sound", encoded(format, subtype))
    audio, rate = read(path)
    theirs, their_rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == their_rate
    np.testing.assert_array_equal(audio, theirs.T)
    assert duration_seconds(path) == pytest.approx(len(theirs) / rate)
    section, _ = read(path, 0.5, 1.0)
    np.testing.assert_array_equal(section, audio[:, rate // 2 : rate // 2 + rate])


@pytest.mark.parametrize(
    ("format", "subtype", "skips"),
    [
        *(("WAV", kind, True) for kind in ("PCM_U8", "PCM_24", "DOUBLE", "ALAW")),
        *((kind, "PCM_16", True) for kind in ("AIFF", "CAF", "W64", "FLAC")),
        *(("WAV", kind, False) for kind in ("IMA_ADPCM", "MS_ADPCM")),
        ("OGG", "VORBIS", False),
        ("OGG", "OPUS", False),
        ("MP3", None, False),
    ],
)
def test_sections_are_those_of_the_whole(tmp_path: Path, format: str, subtype: str | None, skips: bool) -> None:
    path = written(tmp_path / "sound", encoded(format, subtype))
    audio, rate = read(path)
    with AudioFile(path) as file:
        assert file.skip(rate) == (rate if skips else 0)
        np.testing.assert_array_equal(next(file.blocks(100)), audio[:, rate * skips :][:, :100])
    for start in np.random.default_rng(0).integers(0, audio.shape[1] - 1, 12):
        section, _ = read(path, start / rate, 0.1)
        np.testing.assert_array_equal(section, audio[:, start : start + round(0.1 * rate)])


@pytest.mark.parametrize(("format", "start"), [("WAV", 0.2), ("WAV", 3.8), ("FLAC", 0.2), ("FLAC", 3.8)])
def test_sections_of_half_a_file(tmp_path: Path, format: str, start: float) -> None:
    content = encoded(format, seconds=4.0)
    path = written(tmp_path / "half", content[: len(content) * 3 // 4])
    if start > 1:
        with pytest.raises(BadClip, match="truncated"):
            read(path, start, 0.1)
    else:
        whole = written(tmp_path / "whole", content)
        np.testing.assert_array_equal(read(path, start, 0.1)[0], read(whole, start, 0.1)[0])


@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
@pytest.mark.parametrize("cover", [False, True])
def test_an_mp3_without_a_count_is_read_to_its_end(tmp_path: Path, mode: str, cover: bool) -> None:
    mp3 = without_count(encoded("MP3", seconds=10, bitrate_mode=mode, compression_level=0.5))
    path = written(tmp_path / "a.mp3", with_cover(mp3) if cover else mp3)
    audio, _ = read(path)
    assert 10 * RATE <= audio.shape[1] <= 10 * RATE + 3 * 1152
    assert np.abs(audio[:, -RATE:]).mean() > 0.05
    assert duration_seconds(path) == audio.shape[1] / RATE


def test_flac_of_unknown_length_is_read_and_of_absurd_length_refused(tmp_path: Path) -> None:
    flac = encoded("FLAC")
    audio, _ = read(written(tmp_path / "pipe.flac", with_total(flac, 0)))
    np.testing.assert_array_equal(audio, read(written(tmp_path / "a.flac", flac))[0])
    absurd = written(tmp_path / "absurd.flac", with_total(flac, (1 << 36) - 1))
    with pytest.raises(BadClip, match="truncated: 68719476735 samples promised, 88200 present"):
        read(absurd)
    np.testing.assert_array_equal(read(absurd, accept_truncated=True)[0], audio)


@pytest.mark.parametrize("kind", ["VORBIS", "OPUS"])
def test_a_chained_ogg_is_read_to_its_end(tmp_path: Path, kind: str) -> None:
    first, second = encoded("OGG", kind), encoded("OGG", kind, seconds=1.0)
    audio, _ = read(written(tmp_path / "chain.ogg", first + second))
    parts = [read(written(tmp_path / "part.ogg", part))[0] for part in (first, second)]
    np.testing.assert_array_equal(audio, np.concatenate(parts, axis=1))


def test_a_wav_written_to_a_pipe_has_the_length_of_what_is_there(tmp_path: Path) -> None:
    wav = bytearray(encoded("WAV"))
    place = wav.find(b"data") + 4
    wav[place : place + 4] = b"\xff" * 4
    assert read(written(tmp_path / "pipe.wav", bytes(wav)))[0].shape == (2, 2 * RATE)


@pytest.mark.parametrize("format", ["WAV", "AIFF", "AU", "W64", "RF64", "FLAC", "MP3"])
def test_half_a_file_is_refused_or_taken_on_request(tmp_path: Path, format: str) -> None:
    content = encoded(format, None if format == "MP3" else "PCM_16")
    path = written(tmp_path / "half", content[: len(content) * 3 // 4])
    with pytest.raises(BadClip, match="truncated"):
        read(path)
    audio, _ = read(path, accept_truncated=True)
    assert 0.4 * RATE < audio.shape[1] < 1.8 * RATE


@pytest.mark.parametrize("extension", ["au", "wav", "mp3", "flac", "ogg", "aiff", "caf"])
def test_random_bytes_are_no_audio(tmp_path: Path, extension: str) -> None:
    with pytest.raises(BadClip, match="not readable as audio"):
        read(written(tmp_path / f"random.{extension}", np.random.default_rng(1).bytes(50_000)))


@pytest.mark.parametrize(
    ("rate", "channels", "message"),
    [
        (1, 1, "1 Hz"),
        (8000, 50, "50 channels"),
        (2_000_000_000, 1, "Hz"),
        (4_000_000_000, 1, "not readable|Hz"),
    ],
)
def test_absurd_headers_are_refused_before_memory_is_taken(
    tmp_path: Path, rate: int, channels: int, message: str
) -> None:
    wav = bytearray(encoded("WAV", "PCM_16", seconds=0.1))
    place = wav.find(b"fmt ")
    wav[place + 10 : place + 20] = struct.pack("<HII", channels, rate, (rate * channels * 2) & 0xFFFFFFFF)
    wav[place + 20 : place + 22] = struct.pack("<H", channels * 2)
    with pytest.raises(BadClip, match=message):
        read(written(tmp_path / "absurd.wav", bytes(wav)))


@pytest.mark.parametrize(("rate", "channels"), [(705_600, 1), (44_100, 16)])
def test_many_channels_and_high_rates_are_read(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "many.wav"
    soundfile.write(path, noise(0.1, channels), rate)
    assert read(path)[0].shape[0] == channels


def test_nothing_beside_the_file_decides(tmp_path: Path) -> None:
    path = written(tmp_path / "song.mp3", encoded("MP3"))
    header = struct.pack(">II16sH", 0x00051607, 0x00020000, b"Mac OS X        ", 2)
    written(tmp_path / "._song.mp3", header + struct.pack(">IIIIII", 9, 50, 32, 2, 82, 286) + bytes(318))
    assert read(path)[0].shape == (2, 2 * RATE)


def test_a_name_of_any_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    assert read(written(Path(name), encoded("WAV")))[0].shape == (2, 2 * RATE)


def open_files() -> int:
    """How many files this process has open; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_files_are_closed(tmp_path: Path) -> None:
    paths = [written(tmp_path / "a.mp3", encoded("MP3")), written(tmp_path / "bad.mp3", b"\xff\xfb" + bytes(9000))]
    before = open_files()
    for _ in range(5):
        for path in paths:
            try:
                with AudioFile(path) as file:
                    next(file.blocks())
            except BadClip:
                pass
    assert open_files() <= before + 1


DECODER = """#!{python}
import sys
import numpy as np, soundfile
source = sys.argv[sys.argv.index("-i") + 1]
if "bad" in source:
    print("moov atom not found", file=sys.stderr)
    sys.exit(1)
samples = (0.1 * np.random.default_rng(0).standard_normal((48_000, 2))).astype(">f4")
sys.stdout.buffer.write(b".snd" + (24).to_bytes(4, "big") + b"\\xff" * 4 + (6).to_bytes(4, "big"))
sys.stdout.buffer.write((48_000).to_bytes(4, "big") + (2).to_bytes(4, "big") + samples.tobytes())
"""


def test_other_formats_go_through_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    program = written(tmp_path / "bin.ffmpeg", DECODER.format(python=sys.executable).encode())
    program.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ffmpeg").symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    audio, rate = read(written(tmp_path / "song.m4a", b"x"))
    assert audio.shape == (2, 48_000) and rate == 48_000
    with pytest.raises(BadClip, match="moov atom not found"):
        read(written(tmp_path / "bad.m4a", b"x"))
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BadClip, match=r"\.m4a files need ffmpeg"):
        read(tmp_path / "song.m4a")


def test_a_file_that_is_not_audio_is_closed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A descriptor that is closed a second time may be that of another thread's file."""
    bad, close, closed = tmp_path / "bad.wav", os.close, []
    bad.write_bytes(b"not audio")

    def recorded(descriptor: int) -> None:
        closed.append(Path(f"/proc/self/fd/{descriptor}").exists() if Path("/proc/self/fd").is_dir() else True)
        close(descriptor)

    monkeypatch.setattr(os, "close", recorded)
    with pytest.raises(BadClip, match="not readable as audio"):
        read(bad)
    assert closed and all(closed)
