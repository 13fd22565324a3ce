"""`m2l-bench encode`, `decode`, `export` and `reconstruct --models music2latent`, as a user runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from support.audio import music, write
from support.command_line import Cli

from m2l_bench.datasets import bundled
from m2l_bench.music2latent import Music2Latent, checkpoint
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.music2latent.networks import Networks


def test_a_song_there_and_back(cli: Cli, cli_here: Cli, tmp_path: Path, checkpoint_folder: Path) -> None:
    """Of a real one: its stereo, rate and length come back, the same bytes each time, and decoding needs no flags."""
    whole, rate = soundfile.read(bundled.load().clips[0].path, always_2d=True)
    song = write(tmp_path / "song.flac", whole[: rate // 2 + 1].T, rate)
    encoded = cli_here("encode", song, "-o", "song.safetensors", "--weights", checkpoint_folder)
    assert encoded.returncode == 0, encoded.stderr
    assert encoded.stdout == "song.safetensors\n"
    for name, run in (("a.flac", cli), ("b.flac", cli_here)):
        decoded = run("decode", "song.safetensors", "-o", name)
        assert decoded.returncode == 0, decoded.stderr
        assert "\x1b" not in decoded.stderr and "\r" not in decoded.stderr
    original, back = soundfile.info(song), soundfile.info(tmp_path / "a.flac")
    assert (back.frames, back.samplerate, back.channels) == (original.frames, original.samplerate, original.channels)
    assert (tmp_path / "a.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()
    with safe_open(tmp_path / "song.safetensors", framework="np") as file:
        assert file.metadata()["weights_sha256"] == file_checksum(checkpoint_folder / "model.safetensors")
    other = cli_here("decode", "song.safetensors", "-o", "c.flac", "--steps", 2, "--seed", 1, "--precision", "bfloat16")
    assert other.returncode == 0, other.stderr
    assert (tmp_path / "c.flac").read_bytes() != (tmp_path / "a.flac").read_bytes()


def test_folders_go_on_and_tell_what_failed(cli_here: Cli, tmp_path: Path, checkpoint_folder: Path) -> None:
    for name in ("a.wav", "sub/b.flac"):
        write(tmp_path / "album" / name, music(0.3, channels=2))
    (tmp_path / "album" / "broken.wav").write_bytes(b"RIFF")
    encode = partial(cli_here, "encode", "album", "-o", "latents", "--weights", checkpoint_folder, "--json")
    result = encode()
    assert result.returncode == 3
    told = json.loads(result.stdout)
    assert told["written"] == ["latents/a.safetensors", "latents/sub/b.safetensors"]
    assert list(told["failed"]) == ["album/broken.wav"]
    assert "album/broken.wav: " in result.stderr and len(result.stderr.splitlines()) == 1
    (tmp_path / "album" / "broken.wav").unlink()
    (tmp_path / "latents" / "a.safetensors").unlink()
    again = json.loads(encode().stdout)
    assert again["written"] == ["latents/a.safetensors"]
    assert again["present"] == ["latents/sub/b.safetensors"]
    assert len(json.loads(encode("--overwrite").stdout)["written"]) == 2
    decoded = cli_here("decode", "latents", "-o", "back")
    assert decoded.returncode == 0, decoded.stderr
    assert sorted(decoded.stdout.split()) == ["back/a.flac", "back/sub/b.flac"]


def test_short_files_of_equal_length_are_encoded_together(
    cli_here: Cli, tmp_path: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        seconds = 0.5 if number == 1 else 0.3
        write(tmp_path / "album" / f"{number}.wav", music(seconds, channels=1 + number % 2, seed=number))
    (tmp_path / "album" / "2.wav").write_bytes(b"RIFF")
    encode = partial(cli_here, "encode", "album", "--weights", checkpoint_folder)
    alone = encode("-o", "alone", "--device", "cpu")
    monkeypatch.setattr("m2l_bench.jobs.folder_encoding.is_gpu", lambda device: True)
    batches = []
    forward = Music2Latent.encode
    monkeypatch.setattr(Music2Latent, "encode", lambda *inputs: batches.append(len(inputs[1])) or forward(*inputs))
    together = encode("-o", "together", "--device", "cpu")
    assert alone.returncode == together.returncode == 3 and batches == [4, 2]
    for number in (0, 1, 3, 4):
        ours, expected = (load_file(tmp_path / folder / f"{number}.safetensors") for folder in ("together", "alone"))
        torch.testing.assert_close(ours["latents"], expected["latents"], atol=1e-5, rtol=0)


KILLED = """
import os, signal
from pathlib import Path
from m2l_bench.cli import main
write, paths = Path.write_bytes, []
def killed_in_the_third(path, content):
    paths.append(path)
    if len(paths) == 3:
        write(path, b"half a file")
        os.kill(os.getpid(), signal.SIGKILL)
    return write(path, content)
Path.write_bytes = killed_in_the_third
main()
"""


def test_killed_halfway_goes_on(tmp_path: Path, cli_here: Cli, checkpoint_folder: Path) -> None:
    """While it writes the third of four files."""
    for number in range(4):
        write(tmp_path / "album" / f"{number}.wav", music(0.3, seed=number))
    command = ["encode", "album", "-o", "out", "--weights", str(checkpoint_folder)]
    process = subprocess.run([sys.executable, "-c", KILLED, *command], cwd=tmp_path)
    assert process.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "out").glob("[0-9]*"))) == 2
    result = cli_here(*command, "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert (len(told["present"]), len(told["written"])) == (2, 2)


def test_shards_of_a_folder_encode_it_into_one_folder(cli_here: Cli, tmp_path: Path, checkpoint_folder: Path) -> None:
    for name in ("a.wav", "a.flac", "sub/b.flac"):
        write(tmp_path / "album" / name, music(0.1))
    encode = partial(cli_here, "encode", "album", "--weights", checkpoint_folder, "--json")
    whole = json.loads(encode("-o", "whole").stdout)["written"]
    parts = []
    for index in (3, 1, 4, 2):
        result = encode("-o", "latents", "--shard", f"{index}/4")
        assert result.returncode == 0, result.stderr
        assert result.stderr.splitlines()[-1] == f"shard {index}/4: {int(index < 4)} of 3 files"
        parts += json.loads(result.stdout)["written"]
    assert sorted(parts) == sorted(path.replace("whole", "latents") for path in whole) and len(parts) == 3
    for path in whole:
        files = (tmp_path / path, tmp_path / path.replace("whole", "latents"))
        first, second = (load_file(file)["latents"] for file in files)
        assert torch.equal(first, second)
    again = json.loads(encode("-o", "latents", "--shard", "1/4").stdout)
    assert (again["written"], len(again["present"])) == ([], 1)
    alone = cli_here("encode", "album/a.wav", "--shard", "1/4")
    assert alone.returncode == 1
    assert alone.stderr == "error: --shard 1/4: album/a.wav is a file; only the files of a folder can be shared out\n"


def test_mistakes_are_1_line(cli: Cli, cli_here: Cli, tmp_path: Path, checkpoint_folder: Path) -> None:
    write(tmp_path / "song.wav", music(0.2))
    (tmp_path / "text.pt").write_text("text")
    mistakes = {
        ("encode", "nowhere.wav"): "nowhere.wav: no such file or folder",
        ("encode", "song.wav", "--weights", "text.pt"): "text.pt: cannot be read as a PyTorch checkpoint",
        ("encode", "song.wav", "--weights", "nothing"): "'nothing' is neither a file nor one of music2latent",
        ("encode", "song.wav", "--weights", str(checkpoint_folder), "--device", "gpu9"): "gpu9",
        ("export", str(checkpoint_folder), "-o", "a.pt", "--format", "official"): "only the preset 'official'",
        ("export", str(checkpoint_folder), "-o", "a", "--format", "official"): "ends in .pt",
        ("export", str(checkpoint_folder), "-o", "a.pt", "--format", "official", "--half"): "float32",
        ("export", str(checkpoint_folder), "-o", "song.wav"): "is a file",
    }
    results = {message: cli_here(*arguments) for arguments, message in mistakes.items()}
    offline = cli("encode", "song.wav", HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    download = "hf download SonyCSLParis/music2latent music2latent.pt --revision main"
    results[f"{download}; inside this package, without a connection: music2latent-mini"] = offline
    for message, result in results.items():
        assert result.returncode == 1, (result.args, result.stdout)
        assert message in result.stderr and len(result.stderr.strip().splitlines()) == 1, result.stderr
    result = cli_here("decode", "song.wav")
    assert result.returncode == 3
    assert "song.wav: not a whole latents file" in result.stderr


def test_export_both_ways(cli_here: Cli, tmp_path: Path, full_size: Networks) -> None:
    checkpoint.save(full_size, tmp_path / "ours")
    assert cli_here("export", "ours", "--format", "official", "-o", "theirs.pt").returncode == 0
    result = cli_here("export", "theirs.pt", "-o", "back")
    assert result.returncode == 0, result.stderr
    assert "wrote back/model.safetensors" in result.stderr
    assert (tmp_path / "back/model.safetensors").read_bytes() == (tmp_path / "ours/model.safetensors").read_bytes()


def test_export_in_half_precision(cli_here: Cli, tmp_path: Path, checkpoint_folder: Path) -> None:
    assert cli_here("export", checkpoint_folder, "--half", "-o", "half").returncode == 0
    whole, half = (load_file(folder / "model.safetensors") for folder in (checkpoint_folder, tmp_path / "half"))
    assert all(torch.equal(half[name], tensor.half()) for name, tensor in whole.items())
    assert whole.keys() == half.keys()


def test_in_the_benchmark(
    cli: Cli, cli_here: Cli, tmp_path: Path, quick_cards: Path, originals: Path, checkpoint_folder: Path
) -> None:
    """Where its weights are, the codec runs with any number of steps; other weights are another run."""
    (quick_cards / "random.yaml").write_text(
        "name: random\ntitle: Random weights\nkind: neural\n"
        "adapter: music2latent\n"
        f"options: {{weights: {checkpoint_folder}}}\nsteps: 1\n"
    )
    command = ("reconstruct", "--task", "quick", "--data", originals, "--cards", quick_cards, "--models", "random")
    result = cli_here(*command, "--steps", 4, "--json")
    assert result.returncode == 0, result.stderr
    (folder,) = {Path(system["run"]).name for system in json.loads(result.stdout)["systems"]}
    assert folder == "random@steps4"
    manifest = json.loads(next((tmp_path / "runs").rglob("manifest.json")).read_text())
    assert manifest["key"]["steps"] == 4
    assert manifest["key"]["weights_sha256"] == file_checksum(checkpoint_folder / "model.safetensors")
    offline = cli("models", "--json", HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    card = next(card for card in json.loads(offline.stdout) if card["name"] == "music2latent")
    assert not card["available"]
    assert card["command"] == "m2l-bench weights get music2latent"
    assert np.isfinite(soundfile.read(next((tmp_path / "runs").rglob("*.flac")))[0]).all()


def test_models_check_runs_it(cli_here: Cli, quick_cards: Path, checkpoint_folder: Path, model: Music2Latent) -> None:
    config = model.config
    (quick_cards / "random.yaml").write_text(
        "name: random\ntitle: Random weights\nkind: neural\n"
        "adapter: music2latent\n"
        f"options: {{weights: {checkpoint_folder}}}\nsteps: 1\n"
        f"latents: {{sample_rate: 44100, channels: 1, width: {config.latent_channels}, "
        f"samples: {config.samples_per_latent}}}\n"
    )
    result = cli_here("models", "check", "random", "--cards", quick_cards, "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["latents"] == [1, config.latent_channels, model.latents_for(44_100)]
