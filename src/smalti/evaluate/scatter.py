"""Maps as one PNG, side by side, coloured by a column of classes or of numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from smalti.core import need
from smalti.evaluate.maps import Map
from smalti.store import replace_file

_LISTED = 40  # classes that a legend can hold
_INK = "#8a8f98"


def draw(maps: Sequence[Map], column: Sequence[str | float | None], to: Path, *, title: str) -> None:
    """Write maps of the same vectors.

    Args:
        maps: at least one.
        column: of each vector; text is a class, a number a place on a colour bar; None, "" and NaN are drawn grey.
        to: a .png file, whole or not at all.
        title: above all.
    Raises:
        ParameterError: if matplotlib is not installed.
        StoreError: if it cannot be written.
    """
    need("matplotlib", extra="report", what="plots")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(maps) + 1.6, 4), dpi=110, layout="constrained")
    figure.suptitle(title, fontsize=9)
    panels: list[Any] = list(np.atleast_1d(figure.subplots(1, len(maps))))
    for axes, one in zip(panels, maps, strict=True):
        axes.set_title(one.name, fontsize=8, color=_INK)
        axes.set_xticks([])
        axes.set_yticks([])
        shown = [column[row] for row in one.rows.tolist()]
        places = one.places.numpy()
        if _is_text(column):
            named = _classes(axes, places, shown, sorted({str(name) for name in column if name}))
            if axes is panels[-1]:
                _legend(figure, named)
        else:
            numbers, ends = _numbers(shown), _numbers(column)
            known = ~np.isnan(numbers)
            low, high = np.nanmin(ends, initial=np.inf), np.nanmax(ends, initial=-np.inf)
            axes.scatter(*places[~known].T, s=5, color="#dddddd", linewidths=0)
            drawn = axes.scatter(*places[known].T, c=numbers[known], s=5, vmin=low, vmax=high, linewidths=0)
            if axes is panels[-1]:
                figure.colorbar(drawn, ax=axes)
    with replace_file(to) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _is_text(column: Sequence[str | float | None]) -> bool:
    return any(isinstance(value, str) for value in column)


def _numbers(values: Sequence[object]) -> Float[np.ndarray, " value"]:
    return np.array([np.nan if value is None else value for value in values], float)


def _classes(axes: Any, places: Any, shown: Sequence[object], names: Sequence[str]) -> dict[str, Any]:
    from matplotlib import colormaps

    colours = colormaps["tab10" if len(names) <= 10 else "gist_rainbow"]
    own = np.array([str(name) if name else "" for name in shown])
    axes.scatter(*places[own == ""].T, s=5, color="#dddddd", linewidths=0)
    drawn: dict[str, Any] = {}
    for number, name in enumerate(names):
        colour = colours(number if len(names) <= 10 else number / len(names))
        drawn[name] = axes.scatter(*places[own == name].T, s=5, color=colour, linewidths=0)
    return drawn


def _legend(figure: Any, drawn: Mapping[str, Any]) -> None:
    if len(drawn) <= _LISTED:
        names = [name.replace("$", r"\$") for name in drawn]
        columns = -(-len(names) // 20)
        figure.legend(list(drawn.values()), names, loc="outside right center", fontsize=6, frameon=False, ncols=columns)
