"""Run the authors' Musika on small random weights and record what it does, for `tests/codecs/test_musika.py`.

    git clone https://github.com/marcoppasini/musika
    python -m venv keras2
    keras2/bin/pip install tensorflow-cpu==2.15.1 "numpy<2" librosa matplotlib tqdm pydub huggingface_hub
    keras2/bin/python scripts/record_musika.py musika

Writes:

- `tests/codecs/data/musika_parity.npz`: networks of hop 8, 8 numbers per vector, whose every weight is random, as the
  four files that the authors' code saves; a stereo file; the latents that `compress_whole_files` makes of it; the noise
  of the decoders in the order in which they draw it; the audio of `decode_waveform`.
- `devtools/musika_layers.json`: layers, shapes and size in bytes of the four files at the published size.

Keras 2 (TensorFlow 2.15 or older) is what the authors used; Keras 3 does not write this format.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import types
from pathlib import Path

import h5py
import numpy as np
import tensorflow as tf
from scipy.io import wavfile

ROOT = Path(__file__).resolve().parents[1]
PARITY = ROOT / "tests" / "codecs" / "data" / "musika_parity.npz"
LAYERS = ROOT / "devtools" / "musika_layers.json"
FILES = {"enc": "build_encoder", "enc2": "build_encoder2", "dec": "build_decoder", "dec2": "build_decoder2"}
HOP, WIDTH = 8, 8
WINDOWS = 3  # not 1 more than a multiple of 32, of which the authors' code loses the last


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="a clone of github.com/marcoppasini/musika")
    sys.path.insert(0, str(parser.parse_args().checkout))
    sys.modules["gradio"] = types.ModuleType("gradio")  # of the demonstration page, imported beside what is needed
    with tempfile.TemporaryDirectory() as folder:
        record_layers(Path(folder))
        record_parity(Path(folder))


def settings(folder: Path, hop: int, width: int) -> types.SimpleNamespace:
    """The authors' defaults but for the sizes."""
    return types.SimpleNamespace(
        hop=hop,
        latdepth=width,
        shape=128,
        window=64,
        sr=44_100,
        mel_bins=256,
        mu_rescale=-25.0,
        sigma_rescale=75.0,
        mixed_precision=False,
        datatype=tf.float32,
        files_path=str(folder / "audio"),
        save_path=str(folder / "latents"),
    )


def build(args: types.SimpleNamespace) -> dict[str, tf.keras.Model]:
    from models import Models_functions

    maker = Models_functions(args)
    return {name: getattr(maker, method)() for name, method in FILES.items()}


def record_layers(folder: Path) -> None:
    layers = {}
    for name, model in build(settings(folder, 256, 64)).items():
        path = folder / f"{name}.h5"
        model.save_weights(path)
        with h5py.File(path) as file:
            listed = [
                [layer, {weight: file[layer][weight].shape for weight in file[layer].attrs["weight_names"]}]
                for layer in file.attrs["layer_names"]
            ]
        layers[f"{name}.h5"] = {"bytes": path.stat().st_size, "layers": listed}
    tf.keras.backend.clear_session()
    text = json.dumps(layers)
    LAYERS.write_text(text.replace(" [[", "\n[[").replace(' ["', '\n["') + "\n")


def record_parity(folder: Path) -> None:
    from utils import Utils_functions
    from utils_encode import UtilsEncode_functions

    args = settings(folder, HOP, WIDTH)
    models = build(args)
    generator = np.random.default_rng(0)
    for model in models.values():
        randomise(model, generator)
    audio = test_audio((WINDOWS * 128 + 3) * HOP, generator)
    (folder / "audio").mkdir()
    wavfile.write(folder / "audio" / "clip.wav", args.sr, audio)
    encoders_and_decoders = [models[name] for name in ("enc", "dec", "enc2", "dec2")]
    UtilsEncode_functions(args).compress_whole_files([None, None, *encoders_and_decoders, None, [None, None], None])
    latents = np.load(folder / "latents" / "clip.npy")
    drawn: list[np.ndarray] = []

    def normal(shape, mean=0.0, stddev=1.0, dtype=tf.float32):  # type: ignore[no-untyped-def]
        drawn.append(generator.standard_normal([int(size) for size in shape]).astype(np.float32))
        return tf.constant(drawn[-1], dtype)

    tf.random.normal = normal
    decoded = Utils_functions(args).decode_waveform(tf.constant(latents)[None, None], models["dec"], models["dec2"])
    files = {}
    for name, model in models.items():
        model.save_weights(folder / f"{name}.h5")
        files[f"{name}.h5"] = np.frombuffer((folder / f"{name}.h5").read_bytes(), np.uint8)
    noise = {f"noise{number:02}": value[:, 0, :, 0] for number, value in enumerate(drawn)}
    described = {"hop": HOP, "width": WIDTH, "audio": audio, "latents": latents, "decoded": decoded}
    np.savez_compressed(PARITY, **described, **noise, **files)
    print(f"latents {latents.shape}, {latents.min():.2f} to {latents.max():.2f}, deviation {latents.std():.2f}")
    print(f"decoded {decoded.shape}, level {decoded.std():.2f}, at full scale {np.mean(abs(decoded) == 1):.1%}")
    print(f"noise of {len(drawn)} layers; {PARITY.stat().st_size:,} bytes")


def randomise(model: tf.keras.Model, generator: np.random.Generator) -> None:
    """Kernels that keep the level, biases and strengths of noise that matter; of few digits, to take less room."""
    for variable in model.variables:
        deviation = 0.3
        if "kernel" in variable.name:
            size, inputs = variable.shape[1], variable.shape[3 if "transpose" in variable.name else 2]
            deviation = (2 / (size * inputs)) ** 0.5
        if variable.shape[-1] == 2 * HOP + 1 and model.name == "DEC":  # power and phase, clipped: most should not be
            deviation *= 0.15
        value = generator.normal(0, deviation, variable.shape)
        variable.assign(value.astype(np.float16).astype(np.float32))


def test_audio(samples: int, generator: np.random.Generator) -> np.ndarray:
    """(samples, 2), 16 bits: a chord under noise, silent at the start of the second channel."""
    time = np.arange(samples) / 44_100
    tones = sum(np.sin(2 * np.pi * pitch * time) for pitch in (440, 2_000, 7_000))
    audio = np.stack([0.2 * tones, 0.1 * tones[::-1]], 1) + 0.02 * generator.standard_normal((samples, 2))
    audio[: samples // 5, 1] = 0
    return (audio * 32_767).astype(np.int16)


if __name__ == "__main__":
    main()
