"""Which clips a corpus of textures has: even grids over the parameters that vary, and movement for some."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smalti.core import Parameter, ParameterError, nearest
from smalti.data.textures.curves import Curve
from smalti.data.textures.kinds import TEXTURES, texture
from smalti.data.textures.texture import Texture

GRID = 21
"""Values of a parameter in a corpus; more clips repeat them with other randomness."""


@dataclass(frozen=True, slots=True)
class Order:
    """One clip to render.

    Attributes:
        texture: its kind.
        index: which clip of that kind.
        seed: of its randomness, a function of the corpus' seed and the index.
        curves: the parameters that vary.
        moves: whether one of them does so within the clip.
        split: "test" for every fifth value of the grid of the first parameter that varies, so that held-out clips have
            values never trained on; else "train".
    """

    texture: Texture
    index: int
    seed: int
    curves: dict[str, Curve]
    moves: bool
    split: str

    @property
    def path(self) -> str:
        """File name in the corpus, such as `rain/rain-0007.flac`."""
        return f"{self.texture.name}/{self.texture.name}-{self.index:04d}.flac"


def orders(
    kinds: Sequence[str] | None,
    *,
    clips: int,
    seconds: float,
    vary: Sequence[str] | None,
    moving: float,
    seed: int,
) -> list[Order]:
    """All clips of a corpus, kind by kind; arguments as in `smalti.data.textures.corpus.textures`."""
    chosen = [(texture(kind), varied(texture(kind), vary)) for kind in dict.fromkeys(kinds or TEXTURES)]
    chosen = [(kind, names) for kind, names in chosen if names]
    _check(chosen, vary=vary, clips=clips, moving=moving, seed=seed)
    return [
        order
        for kind, names in chosen
        for order in _of_one_kind(kind, names, clips=clips, seconds=seconds, moving=moving, seed=seed)
    ]


def varied(kind: Texture, vary: Sequence[str] | None) -> list[str]:
    """Names of a kind's parameters that vary: its main one (None), all (["all"]), or those named, bare or in full."""
    if vary is None:
        return [kind.main]
    return [p.name for p in kind.parameters if {"all", p.name, p.key} & set(vary)]


def _check(
    chosen: list[tuple[Texture, list[str]]], *, vary: Sequence[str] | None, clips: int, moving: float, seed: int
) -> None:
    """Refuse numbers that cannot be, and names that no chosen kind has."""
    if clips < 1 or not 0 <= moving <= 1 or seed < 0:
        raise ParameterError(
            f"clips={clips}, moving={moving:g}, seed={seed}; give 1 clip or more, a share of 0…1, and a seed from 0 on"
        )
    known = {name for kind in TEXTURES.values() for p in kind.parameters for name in (p.name, p.key)}
    found = {name for kind, names in chosen for p in kind.parameters if p.name in names for name in (p.name, p.key)}
    for name in vary or ():
        if name != "all" and name not in found:
            where = "does not belong to the chosen kinds" if name in known else "is unknown"
            raise ParameterError(f"parameter {name!r} {where}; {nearest(name, found or known)}")
    if not chosen:
        raise ParameterError('nothing varies; name a parameter, or "all"')


def _of_one_kind(
    kind: Texture, names: list[str], *, clips: int, seconds: float, moving: float, seed: int
) -> list[Order]:
    """The first parameter takes the grid in order, each other one the same grid shuffled."""
    grid = np.linspace(0.0, 1.0, min(clips, GRID)) if clips > 1 else np.array([0.5])
    steps = np.arange(clips) % len(grid)
    shuffle = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *kind.name.encode()])))
    columns = [steps, *(shuffle.permutation(steps) for _ in names[1:])]
    found: list[Order] = []
    for index in range(clips):
        own = int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0])
        moves = int((index + 1) * moving + 1e-9) > int(index * moving + 1e-9)
        curves: dict[str, Curve] = {}
        for name, column in zip(names, columns, strict=True):
            curves[name] = kind.parameter(name).denormalise(float(grid[column[index]]))
        if moves:
            curves[names[0]] = _movement(kind.parameter(names[0]), float(grid[steps[index]]), seconds, own)
        held = not moves and steps[index] % 5 == 2
        found.append(Order(kind, index, own, curves, moves, "test" if held else "train"))
    return found


def _movement(parameter: Parameter, start: float, seconds: float, seed: int) -> list[tuple[float, float]]:
    """From `start` (0…1) to a random place: at once, or gliding over a random part of the clip."""
    generator = np.random.Generator(np.random.PCG64(seed))
    leave, arrive = np.sort(generator.uniform(0.1, 0.9, 2)) * seconds
    if generator.random() < 0.5:
        arrive = leave
    end = float(generator.random())
    return [(float(leave), parameter.denormalise(start)), (float(arrive), parameter.denormalise(end))]
