"""A codec that does not stream, for the tests of transcode."""

import torch

from smalti.core import Audio, Tokens, TokenSpec


class Halves:
    """A codec that needs the whole: hop 3, two codebooks of 5; it says the level of each frame, coarsely."""

    spec = TokenSpec(sample_rate=8000, hop=3, codebooks=2, vocab=5, tokenizer="halves")

    def encode(self, audio: Audio) -> Tokens:
        frames = self.spec.frames(audio.samples.shape[1])
        padded = torch.nn.functional.pad(audio.zero_padded().samples, (0, frames * 3 - audio.samples.shape[1]))
        level = (padded.unflatten(1, (frames, 3)).mean(2) * 2 + 2).round().long().clamp(0, 4)
        inside = torch.arange(frames) < -(-audio.lengths // 3)[:, None]
        return Tokens(torch.stack([level * inside, 0 * level], dim=1), self.spec, audio.lengths)

    def decode(self, tokens: Tokens) -> Audio:
        self.spec.require(tokens.spec)
        samples = ((tokens.codes[:, 0] - 2) / 2.0).repeat_interleave(3, dim=1)[:, : int(tokens.lengths.max())]
        return Audio(samples, 8000, tokens.lengths).zero_padded()
