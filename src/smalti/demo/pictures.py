"""The report's pictures as PNG bytes: spectrograms, tokens or mel frames, asked against measured, trajectories."""

import dataclasses
import io
from collections.abc import Mapping, Sequence

import matplotlib
from jaxtyping import Float, Int64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from smalti.features import MEL_PRESETS, log_mel

matplotlib.use("Agg")

INK = "#8a8f98"
SERIES = {"generated": "#d1495b", "ceiling": "#2e86ab", "asked": "#8a8f98", "measured": "#d1495b"}


def spectrogram(samples: Float[Tensor, " sample"], *, sample_rate: int) -> bytes:
    """Log-mel picture of a waveform; brightness spans the loudest 80 dB."""
    settings = dataclasses.replace(MEL_PRESETS["wide"], sample_rate=sample_rate, high_hz=sample_rate / 2)
    image = log_mel(samples[None], settings)[0].numpy()
    figure, axes = _canvas(3.6, 1.5)
    seconds = samples.shape[0] / sample_rate
    axes.imshow(image, origin="lower", aspect="auto", cmap="magma", extent=(0, seconds, 0, image.shape[0]))
    axes.set_yticks([])
    axes.set_xlabel("seconds", fontsize=7)
    return _png(figure)


def mosaic(codes: Int64[Tensor, "codebook frame"], *, vocab: int) -> bytes:
    """Every token a tile; the colour is its place in the codebook."""
    figure, axes = _canvas(7.6, 0.28 * codes.shape[0] + 0.15)
    axes.pcolormesh(codes.flip(0).numpy(), cmap="twilight_shifted", vmin=0, vmax=vocab, edgecolors="w", linewidth=0.3)
    axes.axis("off")
    return _png(figure)


def strip(frames: Float[Tensor, "band frame"]) -> bytes:
    """Log-mel frames (0…1) as a model wrote them, the lowest band below."""
    figure, axes = _canvas(7.6, 0.9)
    axes.imshow(frames.numpy(), origin="lower", aspect="auto", cmap="magma", vmin=0, vmax=1)
    axes.axis("off")
    return _png(figure)


def scatter(
    asked: Sequence[float], series: Mapping[str, Sequence[float]], *, title: str, unit: str, log: bool
) -> bytes:
    """Measured over asked values, one colour a series; the diagonal is perfection."""
    figure, axes = _canvas(2.7, 2.3)
    ends = [min(asked), max(asked)]
    axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle="--")
    for name, values in series.items():
        axes.scatter(asked, values, s=11, alpha=0.8, color=SERIES.get(name), label=name, linewidths=0)
    if log:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.minorticks_off()
    axes.set_title(title, fontsize=8, color=INK)
    axes.set_xlabel(f"asked{f' ({unit})' if unit else ''}", fontsize=7)
    axes.legend(fontsize=6, frameon=False)
    return _png(figure)


def trajectory(
    seconds: Sequence[float], asked: Sequence[float], measured: Sequence[float], *, unit: str, log: bool
) -> bytes:
    """What was asked over time and what the sound does, in the parameter's own unit."""
    figure, axes = _canvas(3.6, 1.5)
    axes.plot(seconds, asked, color=SERIES["asked"], linewidth=1.2, linestyle="--", label="asked")
    axes.plot(seconds, measured, color=SERIES["measured"], linewidth=1.2, marker="o", markersize=2, label="measured")
    if log and min(asked) > 0:
        axes.set_yscale("log")
        axes.minorticks_off()
    axes.set_xlabel("seconds", fontsize=7)
    axes.set_ylabel(unit, fontsize=7)
    axes.legend(fontsize=6, frameon=False)
    return _png(figure)


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.tick_params(labelsize=6, colors=INK)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
    return figure, axes


def _png(figure: Figure) -> bytes:
    memory = io.BytesIO()
    figure.savefig(memory, format="png", metadata={"Software": None})
    return memory.getvalue()
