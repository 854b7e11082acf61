"""From a mel picture back to sound: ours beside librosa's, in the same run, on the bundled recordings.

Ours is 50 multiplicative steps, then Griffin-Lim from a phase start that lets spectral peaks run on. librosa's is its
non-negative least squares and its Griffin-Lim, as in librosa.feature.inverse.mel_to_audio. Both take momentum 0.99 and
equal iterations. Error: mean absolute difference in dB of the mel picture of the result from the one asked for.

    python benchmarks/mel_inversion.py
"""

import time
import warnings
from collections.abc import Callable

import librosa
import numpy as np
import torch

from smalti.audio import read
from smalti.data.manifest import Manifest
from smalti.data.recordings import recordings_folder
from smalti.evaluate.yardstick import log_mel_l1_db
from smalti.features import (
    MEL_PRESETS,
    griffin_lim,
    log_mel,
    mel,
    mel_filterbank,
    mel_to_magnitude,
    to_log_mel,
)

PICTURE = MEL_PRESETS["specvqgan"]
SECONDS = 5.0
WAYS = [("ours", 16), ("ours", 32), ("ours", 64), ("librosa", 32), ("librosa", 64)]
"""Who inverts, and iterations of Griffin-Lim."""


def main() -> None:
    """Print one row a way."""
    torch.set_num_threads(1)
    manifest = Manifest.read(recordings_folder())
    sounds = [read(path, sample_rate=PICTURE.sample_rate, seconds=SECONDS).samples for path in manifest.paths()]
    sounds = [sound[:, : sound.shape[1] // PICTURE.hop * PICTURE.hop] for sound in sounds]
    inverters = {"ours": ours, "librosa": theirs}
    for invert in inverters.values():
        invert(sounds[0], 2)  # imports, compilations and tables are not what is measured
    seconds = sum(sound.shape[1] for sound in sounds) / PICTURE.sample_rate
    print(f"{len(sounds)} recordings, {seconds:.0f} s, one thread; mel preset specvqgan")
    print(f"{'':<16}{'inversion dB':>14}{'mel dB':>10}{'yardstick dB':>14}{'CPU s per 5 s':>16}{'x real time':>13}")
    for name, iterations in WAYS:
        print_row(name, iterations, inverters[name], sounds)


def print_row(name: str, iterations: int, invert: Callable, sounds: list[torch.Tensor]) -> None:
    """Errors and cost of one way over all recordings."""
    spent, errors = 0.0, []
    for sound in sounds:
        begin = time.process_time()
        magnitude, found = invert(sound, iterations)
        spent += time.process_time() - begin
        asked = log_mel(sound, PICTURE)
        inverted = to_log_mel(mel_filterbank(PICTURE) @ magnitude, PICTURE)
        distances = [decibels(inverted, asked), decibels(log_mel(found, PICTURE), asked)]
        errors.append([*distances, log_mel_l1_db(sound[0], found[0], PICTURE.sample_rate)])
    means = np.mean(errors, axis=0)
    seconds = sum(sound.shape[1] for sound in sounds) / PICTURE.sample_rate
    columns = f"{means[0]:>14.3f}{means[1]:>10.3f}{means[2]:>14.3f}{spent / seconds * 5:>16.3f}{seconds / spent:>13.0f}"
    print(f"{name + ', ' + str(iterations) + ' it.':<16}{columns}", flush=True)


def ours(sound: torch.Tensor, iterations: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Magnitudes and waveform."""
    magnitude = mel_to_magnitude(mel(sound, PICTURE), PICTURE)
    return magnitude, griffin_lim(magnitude, hop=PICTURE.hop, iterations=iterations)


def theirs(sound: torch.Tensor, iterations: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Magnitudes and waveform by librosa, from its own mel of equal settings."""
    options = {"sr": PICTURE.sample_rate, "n_fft": PICTURE.n_fft, "fmin": PICTURE.low_hz, "fmax": PICTURE.high_hz}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its solver's notes
        magnitude = librosa.feature.inverse.mel_to_stft(mel(sound, PICTURE)[0].numpy(), power=1.0, **options)
    found = librosa.griffinlim(
        magnitude, n_iter=iterations, hop_length=PICTURE.hop, momentum=0.99, length=sound.shape[1], random_state=0
    )
    return torch.from_numpy(magnitude)[None].float(), torch.from_numpy(found)[None].float()


def decibels(found: torch.Tensor, asked: torch.Tensor) -> float:
    """Mean absolute difference of two log-mel pictures."""
    return float((found - asked).abs().mean() * PICTURE.range_db)


if __name__ == "__main__":
    main()
