"""Pitch is found whatever the timbre, and a melody is the same in another key."""

import pytest
import torch

from smalti.core import Audio, SpecError
from smalti.features import melody_frames, relative_frames
from smalti.features.pitch import PitchSettings, pitch_salience, pitch_track

SETTINGS = PitchSettings()


def _tone(midi: float, seconds: float = 0.4, *, partials: tuple[float, ...] = (1.0, 0.7, 0.5, 0.3)) -> torch.Tensor:
    time = torch.arange(round(seconds * 16000), dtype=torch.float64) / 16000
    hertz = 440 * 2 ** ((midi - 69) / 12)
    waves = [level * torch.sin(2 * torch.pi * hertz * (i + 1) * time) for i, level in enumerate(partials)]
    return (0.2 * torch.stack(waves).sum(dim=0) * torch.hann_window(len(time)).sqrt()).float()


def _line(samples: torch.Tensor) -> torch.Tensor:
    audio = Audio.single(samples, 16000)
    return pitch_track(pitch_salience(audio, SETTINGS), audio, SETTINGS)[0]


@pytest.mark.parametrize("midi", [36.0, 57.3, 74.0])
@pytest.mark.parametrize("partials", [(1.0,), (1.0, 0.7, 0.5, 0.3), (0.05, 1.0, 0.5), (0.0, 0.6, 0.6, 0.6)])
def test_a_tone_has_its_pitch_even_with_a_weak_or_missing_fundamental(midi: float, partials: tuple[float, ...]):
    line = _line(_tone(midi, partials=partials))
    sung = line[~line.isnan()]
    assert len(sung) > 30 and sung.median().item() == pytest.approx(midi, abs=0.1)
    assert (sung - midi).abs().max() < 0.6


def test_noise_and_silence_have_no_pitch():
    noise = 0.1 * torch.randn(8000, generator=torch.Generator().manual_seed(0))
    assert _line(noise).isnan().float().mean() > 0.9
    assert _line(torch.zeros(4000)).isnan().all()


def test_a_recording_has_its_line_alone_and_in_a_batch():
    rows = [torch.cat([_tone(50), _tone(55)]), _tone(45, 0.31)]
    audio = Audio.batch([Audio.single(row, 16000) for row in rows])
    lines = pitch_track(pitch_salience(audio, SETTINGS), audio, SETTINGS)
    for row, line in zip(rows, lines, strict=True):
        alone = _line(row)
        torch.testing.assert_close(line[: len(alone)], alone, atol=1e-3, rtol=0, equal_nan=True)
        assert line[len(alone) :].isnan().all()


def test_another_rate_is_refused():
    with pytest.raises(SpecError, match="8000 Hz, this picture of pitch at 16000 Hz"):
        pitch_salience(Audio.single(torch.zeros(100), 8000), SETTINGS)


def _relative(notes: list[float], seconds: float = 0.4, reference: str = "auto") -> torch.Tensor:
    frames = melody_frames(torch.cat([_tone(note, seconds) for note in notes]))
    return relative_frames(frames[None], torch.tensor([len(frames)]), reference=reference)[0]


def test_a_melody_is_the_same_in_another_key_and_another_one_is_not():
    tune = [48.0, 52.0, 55.0, 50.0]
    home, away = _relative(tune), _relative([note + 5 for note in tune])
    assert (home - away).abs().mean() < 0.02 * home.abs().mean() + 2e-3
    other = _relative([48.0, 55.0, 52.0, 50.0])
    assert (home - other).abs().mean() > 10 * (home - away).abs().mean()


def test_a_single_note_keeps_its_pitch_unless_it_is_measured_from_itself():
    low, high = (_relative([note], 0.6) for note in (45.0, 50.0))
    # five semitones are ten bins
    assert int(high.sum(dim=0).argmax() - low.sum(dim=0).argmax()) == 10
    low, high = (_relative([note], 0.6, "clip") for note in (45.0, 50.0))
    assert int(high.sum(dim=0).argmax()) == int(low.sum(dim=0).argmax()) == 40


def test_a_gap_goes_on_with_what_was_sung_and_a_batch_changes_nothing():
    frames = melody_frames(torch.cat([_tone(50, 0.6), torch.zeros(4000), _tone(53, 0.5)]))
    gap = frames[18]
    assert gap.argmax() == frames[7].argmax() and 0 < gap.max() < 0.5 * frames[7].max()
    silent = melody_frames(torch.zeros(3000))
    assert not silent.any()
    rows = torch.nn.utils.rnn.pad_sequence([frames, silent], batch_first=True)
    together = relative_frames(rows, torch.tensor([len(frames), len(silent)]))
    torch.testing.assert_close(together[0], relative_frames(frames[None], torch.tensor([len(frames)]))[0])
    assert not together[1].any()
