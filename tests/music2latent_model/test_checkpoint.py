"""Weights on disk: both layouts, and files that are something else."""

from __future__ import annotations

import json
import os
import pickle
import resource
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from m2l_bench.music2latent import PRESETS, CheckpointError, Config, Music2Latent, checkpoint
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.official import to_official
from m2l_bench.music2latent.pickles import read_pickle


def same(first: Networks, second: Networks) -> bool:
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("what", ["folder", "file"])
def test_safetensors_round_trip(networks: Networks, checkpoint_folder: Path, what: str) -> None:
    loaded = checkpoint.load(checkpoint_folder / ("" if what == "folder" else "model.safetensors"))
    assert same(loaded.networks, networks)
    assert loaded.networks.config == networks.config
    assert loaded.sha256 == file_checksum(checkpoint_folder / "model.safetensors")
    assert Config.from_json((checkpoint_folder / "config.json").read_text()) == networks.config


def test_who_may_read_other_new_files_may_read_weights(networks: Networks, tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    assert checkpoint.save(networks, tmp_path).stat().st_mode == (tmp_path / "new").stat().st_mode


def test_half_size(networks: Networks, tmp_path: Path) -> None:
    checkpoint.save(networks, tmp_path, torch.float16)
    assert all(tensor.dtype == torch.float16 for tensor in load_file(tmp_path / "model.safetensors").values())
    assert next(checkpoint.load(tmp_path).networks.parameters()).dtype == torch.float32


def test_loading_restores_what_no_file_holds(model: Music2Latent, checkpoint_folder: Path) -> None:
    loaded = Music2Latent.from_pretrained(checkpoint_folder)
    audio = np.random.default_rng(0).uniform(-1, 1, 9000)
    noise = torch.randn(1, 2, 1024, 24)
    latents = model.encode(audio)
    assert torch.equal(loaded.encode(audio), latents)
    assert torch.equal(loaded.decode(latents, noise=noise), model.decode(latents, noise=noise))


def test_official_round_trip(full_size: Networks, tmp_path: Path) -> None:
    checkpoint.export_official(full_size, tmp_path / "a.pt")
    assert same(checkpoint.load(tmp_path / "a.pt").networks, full_size)


def test_the_published_file_holds_numpy_numbers_beside_the_tensors(full_size: Networks, tmp_path: Path) -> None:
    path = tmp_path / "music2latent.pt"
    content = {
        "gen_state_dict": to_official(full_size.state_dict(), full_size.config),
        "best_fad": np.float64(1.5),
        "it": np.int64(3),
        "losses": [np.float32(0.5)],
        "done": np.bool_(True),
    }
    torch.save(content, path)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    assert same(checkpoint.load(path).networks, full_size)


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_code_in_a_checkpoint_never_runs(tmp_path: Path, write: Any) -> None:
    path, trace = tmp_path / "evil.pt", tmp_path / "ran"
    write({"gen_state_dict": {}, "extra": Malicious(trace)}, path)
    with pytest.raises(CheckpointError, match="cannot be read as a PyTorch checkpoint without running code"):
        checkpoint.load(path)
    assert not trace.exists()


def test_only_the_published_configuration_can_be_exported(networks: Networks, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="only the preset 'official'"):
        checkpoint.export_official(networks, tmp_path / "a.pt")
    assert not list(tmp_path.iterdir())


def refused(path: Path, message: str, preset: str | None = None) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        checkpoint.load(path, preset)
    assert path.name in str(caught.value) or preset
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    refused(tmp_path, "model.safetensors: no such file")
    refused(tmp_path / "a.pt", "no such file")


def test_unknown_preset(checkpoint_folder: Path) -> None:
    refused(checkpoint_folder, "no preset 'large': expected one of paper, official, small, mini, tiny", "large")


def test_other_preset(checkpoint_folder: Path) -> None:
    refused(checkpoint_folder, "its configuration is not that of preset 'small'; leave the preset out", "small")


def test_official_file_of_another_size(full_size: Networks, tmp_path: Path) -> None:
    torch.save({"gen_state_dict": to_official(full_size.state_dict(), full_size.config)}, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "does not match its preset: .* tensors", "small")


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
def test_truncated(full_size: Networks, checkpoint_folder: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"cut.{kind}"
    if kind == "pt":
        checkpoint.export_official(full_size, path)
    else:
        path.write_bytes((checkpoint_folder / "model.safetensors").read_bytes())
    path.write_bytes(path.read_bytes()[:-1000])
    refused(path, "not a whole safetensors file" if kind == "safetensors" else "cannot be read as a PyTorch checkpoint")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": torch.zeros(1)}, "no 'gen_state_dict' in it"),
        (torch.zeros(1), "no 'gen_state_dict' in it"),
        ({"gen_state_dict": {"weight": 3}}, "no 'gen_state_dict' in it"),
        ({"gen_state_dict": {}}, "it lacks 583 tensors"),
    ],
)
def test_foreign_pt(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", message)


GROWTH = {
    "an array of bytes": b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    "a tensor": b"\x80\x02ctorch\nFloatTensor\nJ\xff\xff\xff\x7f\x85R.",
    "a storage": b"\x80\x02ctorch.storage\nUntypedStorage\nJ\xff\xff\xff\x7f\x85R.",
    "a text in hexadecimal": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x0e\x00\x00\x00unicode_escape\x86R.",
}


@pytest.mark.parametrize("name", GROWTH)
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_number_in_a_pickle_takes_no_memory(tmp_path: Path, name: str, is_zip: bool) -> None:
    path = tmp_path / "a.pt"
    if is_zip:
        torch.save({}, path)
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: archive.read(member) for member in archive.infolist()}
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, GROWTH[name] if member.endswith("data.pkl") else content)
    else:
        magic, protocol = pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2)
        path.write_bytes(magic + protocol + pickle.dumps({"little_endian": True}, 2) + GROWTH[name])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(path, "without running code")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 100_000


def test_a_checkpoint_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"gen_state_dict": {"a": torch.zeros(10_000_000)}}, path)
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: archive.read(member) for member in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    refused(path, "it unpacks to 40 MB from 0 MB")


def test_bytes_and_numpy_numbers_are_read(tmp_path: Path) -> None:
    content = {"a": np.float32(2), "b": b"\x00\xff", "c": np.int64(-1)}
    torch.save(content, tmp_path / "a.pt")
    assert read_pickle(tmp_path / "a.pt") == content


def test_foreign_safetensors(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    refused(tmp_path / "a.safetensors", "not written by m2l-bench for Music2Latent")


ABSURD = (
    '{"unet_blocks": 1000000000}',
    '{"base_channels": 1000000000}',
    '{"hop": 0}',
    '{"bottleneck_blocks": -1}',
    '{"channel_multipliers": ["a", 2, 4, 4, 4]}',
    json.dumps({"channel_multipliers": [1] * 99, "downsampling": ["both"] * 98}),
    '{"beta": NaN}',
    "[" * 100_000,
)


@pytest.mark.parametrize("text", ["", "{}", '{"hop": 256}', '{"hop": "a"}', *ABSURD])
def test_safetensors_with_another_configuration(networks: Networks, tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.safetensors"
    save_file(networks.state_dict(), path, metadata={checkpoint.FORMAT: text})
    refused(path, "cannot be used|does not match its preset")


def test_nan(networks: Networks, tmp_path: Path) -> None:
    tensors = {name: tensor.clone() for name, tensor in networks.state_dict().items()}
    name = "encoder.conv_in.weight"
    tensors[name][0, 0, 0, 0] = float("nan")
    path = tmp_path / "a.safetensors"
    save_file(tensors, path, metadata={checkpoint.FORMAT: networks.config.to_json()})
    refused(path, f"1 tensors hold NaN or infinity, first {name}")


def test_a_failing_write_leaves_the_old_weights(
    networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(networks, tmp_path)
    before = file_checksum(tmp_path / "model.safetensors")

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="no space left"):
        checkpoint.save(networks, tmp_path)
    assert file_checksum(tmp_path / "model.safetensors") == before


def test_presets_are_complete() -> None:
    assert set(PRESETS) == {"paper", "official", "small", "mini", "tiny"}
