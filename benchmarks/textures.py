"""How well the sound of a texture tells its parameters: on the rendering, and through what a codec would do to it.

Chains: truth; mel = log-mel picture, mel inversion and 16 Griffin-Lim iterations; noisy = the same with the picture
smoothed over two frames and 3 dB of noise in every cell, which is about what a small codec does.

    python benchmarks/textures.py [KIND…]
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from smalti.data.textures import TEXTURES, estimate, render_clip
from smalti.data.textures.scores import score
from smalti.features import MEL_PRESETS, from_log_mel, griffin_lim, log_mel, mel_to_magnitude

MEL = MEL_PRESETS["wide"]
RATE, SECONDS, VALUES, REPEATS = 22_050, 4.0, 25, 2
LONG = {"wind.gustiness": 8.0, "pistons.irregularity": 8.0}
Chain = Callable[[Tensor, int], Tensor]


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    kinds = sys.argv[1:] or list(TEXTURES)
    print(f"{VALUES} values x {REPEATS} seeds, {SECONDS:g} s at {RATE} Hz, one thread")
    print(
        f"{'main parameter':<22}"
        + "".join(f"{c:>20}" for c in CHAINS)
        + f"{'render RTF':>14}{'44.1 kHz':>10}{'measure':>10}"
    )
    for kind in kinds:
        print_main(kind)
    print(f"\n{'other parameters':<22}{'truth':>20}")
    for kind in kinds:
        for name in TEXTURES[kind].estimate:
            if name != TEXTURES[kind].main:
                clips, _ = render(kind, name, seconds=LONG.get(f"{kind}.{name}", SECONDS))
                print(f"{kind + '.' + name:<22}{measured(kind, name, clips)[0]:>20}")


def print_main(kind: str) -> None:
    """One row: rank correlation and median error through each chain, and real-time factors."""
    name = TEXTURES[kind].main
    clips, spent = render(kind, name)
    _, spent_high = render(kind, name, sample_rate=44_100)
    cells: list[str] = []
    listening = 0.0
    for chain in CHAINS.values():
        heard = [(asked, chain(samples, seed)) for seed, (asked, samples) in enumerate(clips)]
        cell, listening = measured(kind, name, heard)
        cells.append(cell)
    seconds = len(clips) * SECONDS
    factors = f"{spent / seconds:>14.4f}{spent_high / seconds:>10.4f}{listening / seconds:>10.4f}"
    print(f"{kind + '.' + name:<22}" + "".join(f"{cell:>20}" for cell in cells) + factors, flush=True)


def render(
    kind: str, name: str, *, seconds: float = SECONDS, sample_rate: int = RATE
) -> tuple[list[tuple[float, Tensor]], float]:
    """(asked, samples) over the parameter's range, and the seconds it took."""
    parameter = TEXTURES[kind].parameter(name)
    grid = [parameter.denormalise(p) for p in np.linspace(0, 1, VALUES).tolist()] * REPEATS
    begun = time.perf_counter()
    clips = [
        (value, render_clip(kind, {name: value}, seconds=seconds, sample_rate=sample_rate, seed=seed).samples)
        for seed, value in enumerate(grid)
    ]
    return clips, time.perf_counter() - begun


def measured(kind: str, name: str, clips: list[tuple[float, Tensor]]) -> tuple[str, float]:
    """Rank correlation and median error (relative on a log scale, in the unit on a linear one), and the seconds."""
    begun = time.perf_counter()
    pairs = [(asked, estimate(kind, name, samples, RATE)) for asked, samples in clips]
    spent = time.perf_counter() - begun
    found = score(pairs, unit="")
    if TEXTURES[kind].parameter(name).scale == "lin":
        return f"{found.spearman:.3f}  {found.median_error:>8.3f} ", spent
    relative = np.nanmedian([abs(heard / asked - 1) for asked, heard in pairs])
    return f"{found.spearman:.3f}  {100 * relative:>6.1f} % ", spent


def truth(samples: Tensor, seed: int) -> Tensor:
    """The rendering itself."""
    return samples


def through_mel(samples: Tensor, seed: int) -> Tensor:
    """What the mel picture keeps."""
    return sound_of(log_mel(samples[None], MEL), len(samples))


def through_noise(samples: Tensor, seed: int) -> Tensor:
    """What a picture keeps that is blurred over two frames and 3 dB off in every cell."""
    picture = torch.nn.functional.pad(log_mel(samples[None], MEL), (1, 1), mode="replicate")
    blurred = 0.25 * picture[..., :-2] + 0.5 * picture[..., 1:-1] + 0.25 * picture[..., 2:]
    noise = torch.randn(blurred.shape, generator=torch.Generator().manual_seed(seed))
    return sound_of((blurred + 3.0 / MEL.range_db * noise).clamp(0, 1), len(samples))


def sound_of(picture: Tensor, length: int) -> Tensor:
    """Mel inversion and Griffin-Lim."""
    magnitude = mel_to_magnitude(from_log_mel(picture, MEL), MEL, steps=30)
    sound = griffin_lim(magnitude, hop=MEL.hop, iterations=16)[0]
    return torch.nn.functional.pad(sound, (0, max(0, length - len(sound))))[:length]


CHAINS: dict[str, Chain] = {"truth": truth, "mel": through_mel, "noisy": through_noise}

if __name__ == "__main__":
    main()
