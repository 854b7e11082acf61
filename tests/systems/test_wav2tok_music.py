"""Melodies as wav2tok hears them: the same tokens in any key, and quiet ends unheard."""

import torch

from smalti.core import Audio
from smalti.systems.wav2tok.config import ModelConfig, MusicFrontConfig
from smalti.systems.wav2tok.fronts import MusicFront
from smalti.systems.wav2tok.model import Wav2Tok
from smalti.systems.wav2tok.net import StringNet


def _tune(notes: tuple[float, ...], rate: float = 1.0) -> torch.Tensor:
    parts = []
    for note in notes:
        time = torch.arange(round(6400 / rate)) / 16000
        angle = 2 * torch.pi * 440 * 2 ** ((note - 69) / 12) * time
        parts.append(0.2 * (torch.sin(angle) + 0.6 * torch.sin(2 * angle)) * torch.hann_window(len(time)).sqrt())
    return torch.cat(parts)


def _tokenizer(reference: str = "auto") -> Wav2Tok:
    torch.manual_seed(0)
    config = ModelConfig.model_validate(
        {"front": {"kind": "music", "reference": reference}, "net": {"width": 16}, "codebook": {"tokens": 11, "dim": 6}}
    )
    front = MusicFront(MusicFrontConfig())
    return Wav2Tok(StringNet(config, front.bins).eval(), config)


def _codes(tokenizer: Wav2Tok, samples: torch.Tensor) -> torch.Tensor:
    return tokenizer.encode(Audio.single(samples, 16000)).codes[0, 0]


@torch.no_grad()
def test_a_tune_has_the_same_tokens_in_another_key_unless_pitches_count_from_a_fixed_one():
    tune = (50.0, 54.0, 57.0, 52.0)
    home, away = _tune(tune), _tune(tuple(note + 3 for note in tune))
    same = (_codes(_tokenizer(), home) == _codes(_tokenizer(), away)).float().mean()
    fixed = (_codes(_tokenizer("none"), home) == _codes(_tokenizer("none"), away)).float().mean()
    assert same > 0.9 and fixed < 0.7


@torch.no_grad()
def test_a_tune_alone_and_in_a_batch_has_the_same_tokens():
    rows = [Audio.single(_tune((50.0, 55.0, 52.0)), 16000), Audio.single(_tune((47.0, 49.0)), 16000)]
    tokenizer = _tokenizer()
    together = tokenizer.encode(Audio.batch(rows))
    for row, codes in zip(rows, together.codes, strict=True):
        alone = tokenizer.encode(row).codes[0, 0]
        assert torch.equal(codes[0, : len(alone)], alone)


def test_only_what_is_sung_is_heard_and_silence_is_heard_whole():
    front = MusicFront(MusicFrontConfig())
    frames = front.frames(torch.cat([torch.zeros(6400), _tune((50.0, 53.0)), torch.zeros(9600)]))
    heard = front.sounding(frames)
    assert len(frames) == 45 and 9 <= heard.start <= 12 and 28 <= heard.stop <= 31
    assert front.sounding(front.frames(torch.zeros(3200))) == range(5)
