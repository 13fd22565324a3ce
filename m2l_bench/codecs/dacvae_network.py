"""The network of DACVAE: DAC of `transformers` with continuous latents, and the watermark that it adds to its output.

Source: the authors' code, https://github.com/facebookresearch/dacvae, and for the watermark San Roman et al., Proactive
Detection of Voice Cloning with Localized Watermarking, arXiv:2401.17264, 2024.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm
from transformers import DacConfig, DacModel

STRIDES = (2, 8, 10, 12)
LATENTS = 128
MESSAGE_BITS = 16
MESSAGE_WIDTH = 128
WATERMARK_STRIDES = (2, 4, 5, 8)
"""From samples to the slowest frames of the watermark."""
WATERMARK_LEVEL = 0.25
RESIDUAL = ("snake1", "conv1", "snake2", "conv2")
UNITS = ("res_unit1", "res_unit2", "res_unit3")
ENCODER = ("conv1", *(f"block.{index}" for index in range(len(STRIDES))), "snake1", "conv2")
ENCODER_BLOCK = (*UNITS, "snake1", "conv1")
DECODER_BLOCK = {0: "snake1", 1: "conv_t1", 4: "res_unit1", 5: "res_unit2", 8: "res_unit3"}
WATERMARK_BLOCK = {3: "faster.{}", 6: "faster_units.{}", 7: "slower_units.{}", 11: "slower.{}"}
"""Names here of what the published file numbers. A block of its decoder has layers of the watermark among its own."""
OTHERS = {
    "quantizer.": "",
    "decoder.wm_model.encoder_block.pre.0.": "decoder.snake1.",
    "decoder.wm_model.encoder_block.pre.1.": "decoder.conv2.",
    "decoder.wm_model.encoder_block.pre.3.": "watermark.first.",
    "decoder.wm_model.encoder_block.post.0.lstm.": "watermark.reader.",
    "decoder.wm_model.encoder_block.post.2.": "watermark.to_message.",
    "decoder.wm_model.msg_processor.msg_processor.": "watermark.bits.",
    "decoder.wm_model.decoder_block.pre.0.": "watermark.from_message.",
    "decoder.wm_model.decoder_block.pre.1.lstm.": "watermark.writer.",
    "decoder.wm_model.decoder_block.post.1.": "watermark.last.",
}


class Network(nn.Module):
    """Encoder and decoder, the layers between them and the latents, and the watermark.

    Args:
        encoder: channels of the encoder's first layer.
        decoder: channels of the decoder's first layer.
    """

    def __init__(self, encoder: int, decoder: int) -> None:
        super().__init__()
        config = DacConfig(encoder_hidden_size=encoder, decoder_hidden_size=decoder, downsampling_ratios=list(STRIDES))
        dac = DacModel(config)
        dac.apply_weight_norm()
        self.encoder, self.decoder = dac.encoder, dac.decoder
        self.in_proj = weight_norm(nn.Conv1d(config.hidden_size, 2 * LATENTS, 1))
        self.out_proj = weight_norm(nn.Conv1d(LATENTS, config.hidden_size, 1))
        self.watermark = Watermark(decoder // 3)


class Watermark(nn.Module):
    """Maps audio and a message to the watermark that is added to the audio. It sees no sample that comes later.

    Args:
        width: channels of the slowest frames; each faster level has half as many.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = [width // 2**level for level in range(len(WATERMARK_STRIDES) + 1)]
        levels = [*zip(pairwise(widths), reversed(WATERMARK_STRIDES), strict=True)]  # from the slowest to the fastest
        self.first = CausalConv(1, widths[-1], 7)
        self.slower_units = nn.ModuleList(CausalUnit(fast) for (_, fast), _ in levels)
        self.slower = nn.ModuleList(CausalConv(fast, slow, 2 * stride, stride) for (slow, fast), stride in levels)
        self.reader = nn.LSTM(width, width, 2, batch_first=True)
        self.to_message = CausalConv(width, MESSAGE_WIDTH, 7)
        self.bits = nn.Embedding(2 * MESSAGE_BITS, MESSAGE_WIDTH)
        self.from_message = CausalConv(MESSAGE_WIDTH, width, 7)
        self.writer = nn.LSTM(width, width, 2, batch_first=True)
        self.faster = nn.ModuleList(CausalUpsampling(slow, fast, stride) for (slow, fast), stride in levels)
        self.faster_units = nn.ModuleList(CausalUnit(fast) for (_, fast), _ in levels)
        self.last = CausalConv(widths[-1], 1, 7)

    def forward(self, audio: Tensor, message: Tensor) -> Tensor:
        """Map (batch, 1, samples) and bits (batch, 16) to (batch, 1, samples)."""
        maps = self.first(audio)
        for unit, convolution in zip(reversed(self.slower_units), reversed(self.slower), strict=True):
            maps = convolution(functional.elu(unit(maps)))
        maps = self.to_message(functional.elu(_recurrent(self.reader, maps)))
        entries = 2 * torch.arange(MESSAGE_BITS, device=message.device) + message
        maps = self.from_message(maps + self.bits(entries).sum(1)[..., None])
        maps = _recurrent(self.writer, maps)
        for upsampling, unit in zip(self.faster, self.faster_units, strict=True):
            maps = unit(upsampling(functional.elu(maps)))
        return WATERMARK_LEVEL * self.last(functional.elu(maps))


class CausalConv(nn.Conv1d):
    """A convolution with as many zeros before the first sample as its kernel is longer than its stride."""

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(functional.pad(maps, (self.kernel_size[0] - self.stride[0], 0)))


class CausalUpsampling(nn.ConvTranspose1d):
    """A transposed convolution with a kernel of two strides; what lies beyond the last frame is cut off."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, 2 * stride, stride)

    def forward(self, maps: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(maps)[..., : -self.stride[0]]


class CausalUnit(nn.Module):
    """Two convolutions with half of the channels between them, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = CausalConv(width, width // 2, 3)
        self.conv2 = nn.Conv1d(width // 2, width, 1)

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.conv2(functional.elu(self.conv1(functional.elu(maps))))


def rename_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give published tensors the names of `Network`; names that are not the published ones stay."""
    renamed = {}
    for name, tensor in tensors.items():
        try:
            renamed[_rename(name)] = tensor
        except (IndexError, KeyError, ValueError):
            renamed[name] = tensor
    return renamed


def _rename(name: str) -> str:
    for theirs, ours in OTHERS.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    part, *numbers, last = re.split(r"\.(?:block|model)\.", name)
    number, tensor = last.split(".", 1)
    outer, *inner = map(int, [*numbers, number])
    names = [part, ENCODER[outer]]
    if inner and part == "encoder":
        names += [ENCODER_BLOCK[inner[0]], *(RESIDUAL[index] for index in inner[1:])]
    elif inner and inner[0] in DECODER_BLOCK:
        names += [DECODER_BLOCK[inner[0]], *(RESIDUAL[index] for index in inner[1:])]
    elif inner:
        names = ["watermark", WATERMARK_BLOCK[inner[0]].format(outer - 1), *(RESIDUAL[index] for index in inner[1:])]
    return ".".join([*names, tensor])


def _recurrent(layers: nn.LSTM, maps: Tensor) -> Tensor:
    """Add to (batch, channels, frames) what recurrent layers make of it."""
    return maps + layers(maps.mT)[0].mT
