"""Musika held against what the authors' own code made, on TensorFlow, with the same weights and noise.

`scripts/record_musika.py` recorded it with the authors' code (commit b1e6e79) on TensorFlow 2.15.1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from support.codec_checks import audio, check_contract, check_runner

from devtools.musika_files import published_layers
from m2l_bench.cards import load_cards
from m2l_bench.codecs import musika_network
from m2l_bench.codecs.musika import EXPECTED, WINDOWS_AT_ONCE, Musika
from m2l_bench.errors import UserError

RECORDED = Path(__file__).parent / "data" / "musika_parity.npz"
NAMES = ("enc.h5", "enc2.h5", "dec.h5", "dec2.h5")
HOP, WIDTH = 8, 8
STEP, SHARED = 64 * HOP, 3 * HOP


def recorded() -> dict[str, Any]:
    """Read hop, width; audio and decoded (samples, 2); latents (frames, 2 * width); noise00 and on; bytes of files."""
    with np.load(RECORDED) as content:
        return dict(content)


def write_recorded(folder: Path) -> list[Path]:
    """Write the four files of the recording; returns their paths."""
    content = recorded()
    for name in NAMES:
        (folder / name).write_bytes(content[name].tobytes())
    return [folder / name for name in NAMES]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_recorded(tmp_path_factory.mktemp("musika"))


@pytest.fixture(scope="module")
def codec(files: list[Path]) -> Musika:
    return Musika(*files, hop=HOP, width=WIDTH)


def silent(batch: int, frames: int) -> torch.Tensor:
    """No noise."""
    return torch.zeros(batch, 1, frames)


def test_equal_to_the_authors_code(codec: Musika) -> None:
    """Latents of `compress_whole_files` and audio of `decode_waveform`, of a stereo file, within 1e-4."""
    theirs = recorded()
    assert (theirs["hop"], theirs["width"]) == (HOP, WIDTH)
    stereo = torch.from_numpy(theirs["audio"].T / np.float32(32_767))
    latents = torch.from_numpy(theirs["latents"].T).unflatten(0, (2, WIDTH))
    torch.testing.assert_close(codec.encode(stereo[:, None]), latents, rtol=0, atol=1e-4)
    drawn = iter([theirs[name] for name in sorted(theirs) if name.startswith("noise")])

    def noise(batch: int, frames: int) -> torch.Tensor:
        """Their windows of two of ours are all first halves, then all second ones."""
        halves = torch.from_numpy(next(drawn)).reshape(2, batch // 2, frames)
        return halves.transpose(0, 1).reshape(batch, 1, frames)

    ours = torch.stack([codec.decode_stream(channel, noise) for channel in latents])
    assert next(drawn, None) is None
    decoded = torch.from_numpy(theirs["decoded"].T)
    assert 0.1 < decoded.std() < 0.5
    torch.testing.assert_close(ours, decoded, rtol=0, atol=1e-4)


def test_sizes_are_the_published_ones() -> None:
    """The card's megabytes are the hub's listing; the layers are those that the authors' code makes at full size."""
    listed = {file.name: file.megabytes for file in load_cards().system("musika").weights.values()}
    assert listed == {name: round(content["bytes"] / 1e6, 1) for name, content in published_layers().items()}


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_those_of_the_authors(name: str) -> None:
    """Layers agree in number and, kind by kind, in order and shape."""
    networks: dict[str, Any] = {
        "enc.h5": lambda: musika_network.Encoder1(256),
        "enc2.h5": lambda: musika_network.Encoder2(256, 64),
        "dec.h5": lambda: musika_network.Decoder1(256),
        "dec2.h5": lambda: musika_network.Decoder2(256, 64),
    }
    with torch.device("meta"):
        state = networks[name]().state_dict()
    ours = {
        kind: [list(tensor.shape) for key, tensor in state.items() if key.endswith(kind)]
        for kind in ("weight", "bias", "strength")
    }
    theirs: dict[str, list[list[int]]] = {"kernel": [], "bias": [], "noise_weight": []}
    for _, weights in published_layers()[name]["layers"]:
        for weight, shape in weights.items():
            theirs[weight.rpartition("/")[2].removesuffix(":0")].append(shape)
    kernels = [[out, inputs, size] for _, size, inputs, out in theirs["kernel"]]
    assert ours == {"weight": kernels, "bias": theirs["bias"], "strength": theirs["noise_weight"]}


def test_contract(codec: Musika) -> None:
    check_contract(codec, features=4 * HOP)
    check_runner(codec)


@pytest.mark.parametrize(
    ("samples", "windows"),
    [(1, 1), (STEP + SHARED, 1), (STEP + SHARED + 1, 2), (2 * STEP + SHARED, 2), (3 * STEP, 3)],
)
def test_lengths(codec: Musika, samples: int, windows: int) -> None:
    clip = audio(codec, samples)
    latents = codec.encode(clip)
    assert latents.shape == (1, WIDTH, 4 * windows)
    assert codec.decode(latents, samples).shape == clip.shape
    frames = codec.features(clip).shape[-1]
    assert frames * HOP + SHARED >= samples and (frames == 1 or (frames - 1) * HOP + SHARED < samples)


def test_no_window_is_lost(codec: Musika) -> None:
    """The authors' code loses the last when it is alone in its batch of 32."""
    windows = WINDOWS_AT_ONCE + 1
    clip = audio(codec, windows * STEP + SHARED)
    latents = codec.encode(clip)
    assert latents.shape[-1] == 4 * windows
    torch.testing.assert_close(codec.encode(clip[..., -STEP - SHARED :]), latents[..., -4:], rtol=0, atol=1e-5)
    whole = codec.decode_stream(latents[0], silent)
    last = codec.decode_stream(latents[0, :, -4:], silent)
    torch.testing.assert_close(whole[-STEP:], last[SHARED:], rtol=0, atol=1e-5)
    first = codec.decode_stream(latents[0, :, :-4], silent)
    torch.testing.assert_close(whole[: len(first) - SHARED], first[:-SHARED], rtol=0, atol=1e-5)


def test_part_of_a_window_is_refused(codec: Musika) -> None:
    with pytest.raises(ValueError, match="6 frames of latents: expected a multiple of 4"):
        codec.decode(torch.zeros(1, WIDTH, 6), 1)


def test_noise_is_the_generator_s(codec: Musika) -> None:
    latents = codec.encode(audio(codec, 3 * STEP))
    reconstructions = [codec.decode(latents, STEP, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(reconstructions[0], reconstructions[1])
    assert (reconstructions[0] - reconstructions[2]).abs().mean() > 1e-3


def test_features_lead_to_the_latents(codec: Musika) -> None:
    clip = audio(codec, 3 * STEP + SHARED)
    first = torch.tanh(codec.encoder1.output(codec.features(clip)))
    torch.testing.assert_close(codec.encoder2(first), codec.encode(clip), rtol=0, atol=1e-6)


def refused(files: list[Path], *messages: str) -> None:
    """One line that says each of `messages`."""
    with pytest.raises(UserError) as caught:
        Musika(*files, hop=HOP, width=WIDTH)
    for message in messages:
        assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_files(files: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    with_other = [*files[:2], other, files[3]]
    expected = EXPECTED.format("dec.h5")
    refused(with_other, f"{other}: no such file", expected)
    for content in (files[2].read_bytes()[:-100], files[2].read_bytes()[:1000], b"<html>404</html>", b""):
        other.write_bytes(content)
        refused(with_other, f"{other}: not a whole file of Keras weights", expected)
    with h5py.File(other, "w") as file:
        file["weights"] = np.zeros(3)
    refused(with_other, f"{other}: not a whole file of Keras weights", expected)
    refused([*files[:2], files[3], files[2]], f"dec2.h5: not {expected}: it lacks 8 tensors")
    refused([files[1], files[0], *files[2:]], f"enc2.h5: not {EXPECTED.format('enc.h5')}: it also holds 4 tensors")
    with pytest.raises(UserError, match=r"enc.h5: not .*: convolutions.0.weight has the shape \(32, 17, 1\)"):
        Musika(*files)


def test_nothing_outside_the_file_is_read(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(4 * 32))
    with h5py.File(files[0]) as file:
        layer = next(name for name in file.attrs["layer_names"] if "conv2d" in name)
        variable = file[layer].attrs["weight_names"][1]
    for what in ("external link", "soft link", "external data", "virtual data", "huge data"):
        other = tmp_path / f"{what}.h5"
        other.write_bytes(files[0].read_bytes())
        with h5py.File(other, "r+") as file:
            group = file[layer]
            del group[variable]
            if what == "external link":
                group[variable] = h5py.ExternalLink(files[0].name, f"{layer}/{variable}")
            elif what == "soft link":
                group[variable] = h5py.SoftLink("/elsewhere")
            elif what == "external data":
                group.create_dataset(variable, (32,), "f4", external=[(str(tmp_path / "secret.bin"), 0, 128)])
            elif what == "virtual data":
                layout = h5py.VirtualLayout((32,), "f4")
                layout[:] = h5py.VirtualSource(str(files[0]), "x", (32,))
                group.create_virtual_dataset(variable, layout)
            else:
                group.create_dataset(variable, (10**11,), "f4", chunks=(1000,))
        message = {"external link": "is a link or missing", "soft link": "is a link or missing"}.get(what, "")
        message = message or ("unpacks to 400,000 MB" if what == "huge data" else "lies in other files")
        refused([other, *files[1:]], "not a whole file of Keras weights", message)


def test_weights_inside_a_saved_model(codec: Musika, files: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(files[2]) as file, h5py.File(other, "w") as target:
        file.copy(file, target, "model_weights")
    again = Musika(*files[:2], other, files[3], hop=HOP, width=WIDTH)
    assert all(map(torch.equal, again.decoder1.state_dict().values(), codec.decoder1.state_dict().values()))


def test_damaged_values(files: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    other.write_bytes(files[0].read_bytes())
    with h5py.File(other, "r+") as file:
        layer = next(name for name in file.attrs["layer_names"] if "conv2d" in name)
        file[layer][file[layer].attrs["weight_names"][1]][0] = np.nan
    refused([other, *files[1:]], f"{other}: convolutions.0.bias holds NaN or infinity")
    with h5py.File(other, "r+") as file:
        names = list(file.attrs["layer_names"])
        group = file.create_group("batch_normalization")
        group["batch_normalization/gamma:0"] = np.ones(32)
        group.attrs["weight_names"] = ["batch_normalization/gamma:0"]
        file.attrs["layer_names"] = [*names, "batch_normalization"]
    refused([other, *files[1:]], "it also holds 1 tensors, first batch_normalization/batch_normalization/gamma:0")
