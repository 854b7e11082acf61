"""A generative model with all that makes it sound: what scores ask, whether it writes tokens or mel frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Audio, Codec, Condition, LanguageModel, Schema, Tokens, fitted
from smalti.features import FrameLM, Vocoder, hop_by_hop

Written = Int64[Tensor, "codebook frame"] | Float[Tensor, "band frame"]


@runtime_checkable
class Generate(Protocol):
    """Codes as long as a condition, one seed a row: `functools.partial(smalti.generate.generate, lm, sampling=…)`."""

    def __call__(self, condition: Condition, *, seeds: Sequence[int]) -> Int64[Tensor, "batch codebook frame"]: ...


@runtime_checkable
class GenerateFrames(Protocol):
    """Log-mel frames likewise: `functools.partial(smalti.generate.generate_frames, lm, sampling=…)`."""

    def __call__(self, condition: Condition, *, seeds: Sequence[int]) -> Float[Tensor, "batch band frame"]: ...


@runtime_checkable
class Sounding(Protocol):
    """Answers conditions with sound."""

    @property
    def schema(self) -> Schema:
        """What it can be asked."""
        ...

    @property
    def sample_rate(self) -> int:
        """Of its sound, in Hz."""
        ...

    @property
    def frame_rate(self) -> float:
        """Of conditions, in frames per second."""
        ...

    def write(self, condition: Condition, *, seeds: Sequence[int]) -> list[Written]:
        """What it makes before it sounds, one for each seed, as long as the condition."""
        ...

    def sound(self, written: Sequence[Written]) -> list[Float[Tensor, " _"]]:
        """Waveforms of some that are equally long."""
        ...

    def round_trip(self, clips: Sequence[Float[Tensor, " _"]]) -> list[Float[Tensor, " _"]]:
        """Real clips through what makes it sound, each as long as it was: no model of its kind can sound better."""
        ...


@dataclass(frozen=True, slots=True)
class TokenSounding:
    """A language model of tokens and the codec that makes them sound, a `Sounding`.

    Attributes:
        lm: asked for its schema, and for the likelihood of real tokens.
        codec: of its tokens.
        generate: makes them.
    Raises:
        SpecError: if model and codec do not fit.
    """

    lm: LanguageModel
    codec: Codec
    generate: Generate

    def __post_init__(self) -> None:
        object.__setattr__(self, "codec", fitted(self.codec, self.lm.spec, "the language model's tokens"))

    @property
    def schema(self) -> Schema:
        return self.lm.schema

    @property
    def sample_rate(self) -> int:
        return self.codec.spec.sample_rate

    @property
    def frame_rate(self) -> float:
        return self.codec.spec.frame_rate

    @torch.no_grad()
    def write(self, condition: Condition, *, seeds: Sequence[int]) -> list[Written]:
        return list(self.generate(condition, seeds=seeds).cpu())

    @torch.no_grad()
    def sound(self, written: Sequence[Written]) -> list[Float[Tensor, " _"]]:
        batch, spec = torch.stack(list(written)), self.codec.spec
        lengths = torch.full((len(batch),), batch.shape[2] * spec.hop)
        return list(self.codec.decode(Tokens(batch, spec, lengths)).samples.cpu())

    @torch.no_grad()
    def round_trip(self, clips: Sequence[Float[Tensor, " _"]]) -> list[Float[Tensor, " _"]]:
        audio = Audio.batch(Audio.single(clip, self.sample_rate) for clip in clips)
        return [row.samples[0].cpu() for row in self.codec.decode(self.codec.encode(audio)).items()]


@dataclass(frozen=True, slots=True)
class FrameSounding:
    """A language model of log-mel frames and the vocoder that makes them sound, a `Sounding`.

    Attributes:
        lm: of frames.
        vocoder: of its picture, or a bridge to one.
        generate: makes them.
    """

    lm: FrameLM
    vocoder: Vocoder
    generate: GenerateFrames

    @property
    def schema(self) -> Schema:
        return self.lm.schema

    @property
    def sample_rate(self) -> int:
        return self.lm.picture.sample_rate

    @property
    def frame_rate(self) -> float:
        return self.lm.picture.frame_rate

    @torch.no_grad()
    def write(self, condition: Condition, *, seeds: Sequence[int]) -> list[Written]:
        return list(self.generate(condition, seeds=seeds).cpu())

    @torch.no_grad()
    def sound(self, written: Sequence[Written]) -> list[Float[Tensor, " _"]]:
        return [self._heard(frames) for frames in written]

    @torch.no_grad()
    def round_trip(self, clips: Sequence[Float[Tensor, " _"]]) -> list[Float[Tensor, " _"]]:
        return [self._heard(hop_by_hop(clip[None], self.lm.picture)[0])[: len(clip)] for clip in clips]

    def _heard(self, frames: Float[Tensor, "band frame"]) -> Float[Tensor, " sample"]:
        stream = self.vocoder.stream()
        return torch.cat([stream.push(frames), stream.flush()]).cpu()
