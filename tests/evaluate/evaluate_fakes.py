"""A codec that carries sine waves without loss, and models of tokens or frames whose obedience is known."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from smalti.core import Audio, Condition, Parameter, Schema, Tokens, TokenSpec
from smalti.features import MEL_PRESETS, hop_by_hop

RATE, HOP, VOCAB = 8000, 256, 32
SPEC = TokenSpec(sample_rate=RATE, hop=HOP, codebooks=2, vocab=VOCAB, tokenizer="sines")
SCHEMA = Schema(
    ("hum", "beep", "hiss"),
    (
        Parameter(name="level", label="hum", unit="percent", low=0.0, high=100.0),
        Parameter(name="level", label="beep", unit="percent", low=1.0, high=100.0, scale="log"),
    ),
)


def sine(level: float, label: str | None, frames: int) -> Tensor:
    """A clip that the codec carries: level in percent, one pitch per label."""
    codes = torch.tensor([[level_code(level)], [pitch_code(label)]]).expand(-1, frames)
    return SineCodec().decode(Tokens(codes[None], SPEC, torch.tensor([frames * HOP]))).samples[0]


def level_code(percent: float) -> int:
    return min(VOCAB - 1, max(0, round(percent / 100 * (VOCAB - 1))))


def pitch_code(label: str | None) -> int:
    return 4 if label is None else 2 + 7 * SCHEMA.labels.index(label)


def measured_level(samples: Tensor, sample_rate: int) -> float:
    """The estimator: level in percent of a sine."""
    assert sample_rate == RATE
    return float(samples.square().mean().mul(2).sqrt()) * 100


class SineCodec:
    """Codebook 0 is a frame's level, codebook 1 its pitch."""

    spec = SPEC

    def encode(self, audio: Audio) -> Tokens:
        frames = -(-audio.samples.shape[1] // HOP)
        padded = torch.nn.functional.pad(audio.samples, (0, frames * HOP - audio.samples.shape[1]))
        blocks = padded.view(len(padded), frames, HOP)
        levels = blocks.square().mean(dim=-1).mul(2).sqrt() * (VOCAB - 1)
        pitches = torch.fft.rfft(blocks).abs()[..., 2 : 2 * VOCAB + 1 : 2].argmax(dim=-1)
        codes = torch.stack([levels.round().long().clamp(0, VOCAB - 1), pitches], dim=1)
        return Tokens(codes, SPEC, audio.lengths)

    def decode(self, tokens: Tokens) -> Audio:
        levels, pitches = tokens.codes.unbind(dim=1)
        phase = 2 * math.pi * 2 * (pitches + 1)[..., None] * torch.arange(HOP) / HOP
        samples = (levels[..., None] / (VOCAB - 1) * phase.sin()).flatten(1)
        return Audio(samples[:, : int(tokens.lengths.max())], RATE, tokens.lengths).zero_padded()


class UniformLM:
    """Expects every code alike; knows SCHEMA."""

    spec = SPEC
    schema = SCHEMA
    pattern = "parallel"

    def logits(self, codes: Tensor, condition: Condition) -> Tensor:
        assert condition.labels.shape == (len(codes), codes.shape[2])
        return torch.zeros(*codes.shape, VOCAB)

    def stepper(self, batch: int) -> None:
        raise AssertionError("the scores generate by the function that they are given")


class ObedientLM(UniformLM):
    """Expects exactly the codes of what it was told."""

    def logits(self, codes: Tensor, condition: Condition) -> Tensor:
        wanted = obey(condition, seeds=range(len(codes)))
        return 50.0 * torch.nn.functional.one_hot(wanted, VOCAB).float()


def obey(condition: Condition, *, seeds: Sequence[int]) -> Tensor:
    """Codes of what was asked; what was not asked is drawn by seed."""
    return torch.stack([_row(condition, row, seed, deaf=False) for row, seed in enumerate(seeds)])


def ignore_parameters(condition: Condition, *, seeds: Sequence[int]) -> Tensor:
    """Codes of the label that was asked, at a level drawn by seed."""
    return torch.stack([_row(condition, row, seed, deaf=True) for row, seed in enumerate(seeds)])


def _row(condition: Condition, row: int, seed: int, *, deaf: bool) -> Tensor:
    label, frames = int(condition.labels[row, 0]), condition.labels.shape[1]
    generator = torch.Generator().manual_seed(seed)
    percent = 10 + 90 * float(torch.rand(1, generator=generator))
    position = condition.values[row, 0, label] if 0 <= label < 2 else torch.tensor(math.nan)
    if not deaf and not position.isnan():
        percent = SCHEMA.parameters[label].denormalise(float(position))
    pitch = pitch_code(SCHEMA.labels[label] if label >= 0 else None)
    return torch.tensor([[level_code(percent)], [pitch]]).expand(-1, frames)


def follow(condition: Condition, *, seeds: Sequence[int]) -> Tensor:
    """Codes of what was asked of every frame."""
    return torch.stack([_moving(condition, row) for row in range(len(seeds))])


def follow_late(condition: Condition, *, seeds: Sequence[int], frames: int) -> Tensor:
    """The same so many frames later; at first what the first frame was asked."""
    at = (torch.arange(condition.labels.shape[1]) - frames).clamp(min=0)
    return follow(condition.at(at), seeds=seeds)


def _moving(condition: Condition, row: int) -> Tensor:
    frames = range(condition.labels.shape[1])
    return torch.cat([_row(condition.at(slice(t, t + 1)), row, seed=0, deaf=False) for t in frames], dim=1)


PICTURE = MEL_PRESETS["wide"]
FRAME_SCHEMA = Schema((), (Parameter(name="pitch", unit="percent", low=0.0, high=100.0),))


def toned(percent: float | Tensor, samples: int) -> Tensor:
    """A tone in some noise, at a share of half the picture's rate, which may move."""
    cycles = (torch.as_tensor(percent).expand(samples).double() / 200).cumsum(0)
    noise = 0.001 * torch.randn(samples, generator=torch.Generator().manual_seed(0))
    return 0.3 * (2 * math.pi * cycles).sin().float() + noise


class RealFrames:
    """Draws the picture of the tone that was asked for; one that is deaf, or was told nothing, draws one by seed."""

    picture = PICTURE
    schema = FRAME_SCHEMA

    def __init__(self, *, deaf: bool = False):
        self.deaf = deaf

    def guess(self, frames: Tensor, condition: Condition) -> None:
        raise AssertionError("the scores generate by the function that they are given")

    def stepper(self, batch: int) -> None:
        raise AssertionError("the scores generate by the function that they are given")

    def generate(self, condition: Condition, *, seeds: Sequence[int]) -> Tensor:
        drawn = [torch.rand(1, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        asked = condition.values[:, :, 0]
        told = torch.where(asked.isnan() | self.deaf, torch.stack(drawn), asked)
        tones = [toned(row.repeat_interleave(PICTURE.hop) * 100, row.numel() * PICTURE.hop) for row in told]
        return torch.stack([hop_by_hop(tone[None], PICTURE)[0] for tone in tones])
