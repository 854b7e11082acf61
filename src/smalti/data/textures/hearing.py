"""What the estimators listen with: one analysis rate, power spectra, envelopes, and the rate of whatever repeats."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

from smalti.data.textures.kit import Bins, Wave

RATE = 22_050
"""Everything is measured at this rate in Hz, so that a figure does not depend on the rate of the file."""

Spectra = Float[np.ndarray, "frame bin"]
Envelope = Float[np.ndarray, " frame"]
Heard = Float[np.ndarray, " heard"]
Rates = Float[np.ndarray, " rate"]


def listen(samples: Wave, sample_rate: int) -> Heard:
    """The waveform at RATE, without offset; empty if there is nothing to hear (silence, or less than 50 ms).

    Resampled by cutting or padding the spectrum of the whole clip; values that are not finite count as zero.
    """
    wave = np.nan_to_num(samples.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    if len(wave) < 0.05 * sample_rate:
        return np.zeros(0)
    wave = wave - wave.mean()
    if sample_rate != RATE:
        count = round(len(wave) * RATE / sample_rate)
        wave = np.fft.irfft(np.fft.rfft(wave)[: count // 2 + 1], count) * (count / len(wave))
    return wave if float(np.abs(wave).max()) > 1e-5 else np.zeros(0)


def spectra(wave: Wave, *, size: int, hop: int) -> tuple[Spectra, Bins]:
    """Power spectra of Hann windows centred every `hop` samples from 0 on, and the frequencies of their bins in Hz."""
    padded = np.pad(wave, size // 2)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    power = np.abs(np.fft.rfft(pieces * np.hanning(size + 1)[:-1])) ** 2
    return power, np.fft.rfftfreq(size, 1 / RATE)


def onsets(wave: Wave, *, hop: int = 128) -> tuple[Envelope, float]:
    """How much louder each frame is than the one before, in dB averaged over bands, and the frame rate in Hz.

    What lies more than 40 dB below the loudest moment of its band is not heard.
    """
    power, _ = spectra(wave, size=512, hop=hop)
    bands = np.add.reduceat(power, np.unique(np.geomspace(2, 250, 13).astype(int)), axis=1)
    level = 10 * np.log10(bands + 1e-4 * bands.max(axis=0) + 1e-20)
    return np.maximum(np.diff(level, axis=0, prepend=level[:1]), 0.0).mean(axis=1), RATE / hop


def repetition(signal: Envelope, frame_rate: float, *, low: float, high: float) -> tuple[Rates, Rates]:
    """How well a signal repeats at each rate from `low` to `high` Hz: rates (96 an octave) and agreement, at most 1.

    The signal is smoothed by a tenth of the period, so that the same share of jitter is forgiven at every rate, and
    correlated with itself one, two and three periods later, where a quarter of the signal or more is left to compare.
    """
    rates = np.geomspace(low, high, 1 + round(96 * np.log2(high / low)))
    agreement = np.zeros(len(rates))
    size = len(signal)
    if size < 8 or float(np.ptp(signal)) == 0.0:
        return rates, agreement
    spectrum = np.fft.rfft(signal - signal.mean(), 2 * size)
    frequency = np.fft.rfftfreq(2 * size, 1 / frame_rate)
    for group in np.array_split(np.arange(len(rates)), max(1, len(rates) // 24)):
        width = 0.08 / rates[group].mean()
        smooth = np.fft.irfft(spectrum * np.exp(-0.5 * (2 * np.pi * width * frequency) ** 2), 2 * size)[:size]
        correlation = _self_correlation(smooth - smooth.mean())
        lags = np.arange(1, 4)[:, None] * frame_rate / rates[group][None]
        usable = lags <= 0.75 * size
        found = np.interp(lags, np.arange(size), correlation) * usable
        agreement[group] = found.sum(axis=0) / np.maximum(usable.sum(axis=0), 1)
    return rates, agreement


def fastest(rates: Rates, agreement: Rates, *, strong: float = 0.6) -> float:
    """The rate of a repetition: of all peaks at least `strong` times the best, the highest.

    A signal that repeats every period also repeats every second one, so the slower peaks say nothing.
    """
    if agreement.max() <= 0:
        return float("nan")
    inner = agreement[1:-1]
    peaks = np.flatnonzero((inner >= agreement[:-2]) & (inner > agreement[2:])) + 1
    peaks = np.union1d(peaks, [int(agreement.argmax())])
    return float(rates[peaks[agreement[peaks] >= strong * agreement.max()].max()])


def _self_correlation(signal: Envelope) -> Envelope:
    """Correlation of a signal's head with its tail, for every lag; 1 at lag 0, never above."""
    size = len(signal)
    product = np.fft.irfft(np.abs(np.fft.rfft(signal, 2 * size)) ** 2)[:size]
    energy = np.concatenate(([0.0], np.cumsum(signal**2)))
    head, tail = energy[size:0:-1], energy[-1] - energy[:size]
    return product / np.sqrt(np.maximum(head * tail, 1e-12 * energy[-1] ** 2 + 1e-30))


def unevenness(wave: Wave, *, low: float, high: float) -> float:
    """Squared coefficient of variation of the loudness between two frequencies in Hz, in windows of 46 ms.

    Events that overlap even each other out: of independent ones twice as many leave half of it. Amplitudes are taken,
    not powers, for they suffer less from what a codec does to peaks.

    Source: Campbell 1909 (for the linear sum of one kind of pulse); how it departs from this each texture calibrates.
    """
    power, frequency = spectra(wave, size=1024, hop=256)
    loudness = np.sqrt(power[:, (frequency > low) & (frequency < high)].sum(axis=1))
    return float(loudness.var() / max(loudness.mean() ** 2, 1e-30))


def calibrated(reading: float, table: Sequence[tuple[float, float]]) -> float:
    """A reading looked up in (reading, value) pairs: straight lines between them on log-log paper, and beyond the ends.

    Args:
        reading: positive.
        table: readings ascending; all positive.
    """
    if not reading > 0:
        return float("nan")
    x, y = np.log([r for r, _ in table]), np.log([v for _, v in table])
    place = int(np.clip(np.searchsorted(x, np.log(reading)), 1, len(x) - 1))
    slope = (y[place] - y[place - 1]) / (x[place] - x[place - 1])
    return float(np.exp(np.clip(y[place] + slope * (np.log(reading) - x[place]), -30, 30)))


def looked_up(reading: float, table: Sequence[tuple[float, float]]) -> float:
    """A reading looked up in (reading, value) pairs: straight lines between them, the outermost values beyond."""
    return float(np.interp(reading, [r for r, _ in table], [v for _, v in table]))


def peaks(signal: Envelope, *, apart: int, height: float) -> Int64[np.ndarray, " peak"]:
    """Frames whose value is the largest within `apart` frames to either side, and above `height`."""
    padded = np.pad(signal, apart, constant_values=-np.inf)
    largest = np.lib.stride_tricks.sliding_window_view(padded, 2 * apart + 1).max(axis=1)
    return np.flatnonzero((signal == largest) & (signal > height))


def log_mean(values: Envelope, weights: Envelope) -> float:
    """Weighted geometric mean; NaN if nothing weighs."""
    total = float(weights.sum())
    return float(np.exp((weights * np.log(values)).sum() / total)) if total > 0 else float("nan")
