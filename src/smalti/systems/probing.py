"""How well an encoder's vectors tell classes, by the name of a run, always beside what nobody had to learn."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from smalti.core import ParameterError, nearest
from smalti.evaluate.pooling import POOLS, Pool
from smalti.evaluate.probing import VOTERS, Figure, ProbeFigures, ProbeSettings, Question, ask
from smalti.evaluate.reports import to_json
from smalti.systems.encoders import NamedEncoder, named_encoder
from smalti.systems.hearing import RunName, heard_as
from smalti.systems.layers import Layers, chosen_layers
from smalti.systems.probe_rows import Asked, asked
from smalti.systems.probe_vectors import HeardRows, Listener, hear
from smalti.systems.registry import LOG_MEL
from smalti.systems.unlearnt import load_unlearnt
from smalti.transcode.files import Progress, no_progress


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeChoices:
    """What is probed, and how.

    Attributes:
        by: column of the classes.
        group: column of where recordings come from; by default one such as `speaker`.
        pool: one vector of a recording's frames.
        layers: of an encoder of several: "last", "all", or numbers from 1.
        cache: a folder where vectors are kept; None keeps none.
        settings: of the readings.
    """

    by: str = "label"
    group: str | None = None
    pool: Pool = "mean+std"
    layers: Layers = "last"
    cache: Path | None = None
    settings: ProbeSettings = field(default_factory=ProbeSettings)


def evaluate_probe(
    run: RunName,
    *,
    train: Path | None = None,
    test: Path | None = None,
    data: Path | None = None,
    choices: ProbeChoices | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Scores of an encoder's vectors, of its own net with random weights, and of log-mel statistics.

    Args:
        run: of an encoder, or of a codec that is one; `log-mel`; a folder of `transformers`.
        train, test: manifests of what is learnt from and asked about.
        data: in place of both, a manifest with folds, splits or neither; see `smalti.systems.probe_rows.asked`.
        choices: what is probed, and how.
        progress: told (recordings heard, in all).
    Raises:
        ParameterError, DataError: as of `asked`; or for layers that the encoder does not have.
        StoreError, SpecError: if the run cannot be used.
    """
    begin, choices = time.perf_counter(), choices or ProbeChoices()
    settings = choices.settings
    rows = asked(train, test, data, by=choices.by, group=choices.group, several=settings.several, seed=settings.seed)
    named = named_encoder(run)
    learns = sorted({row for part in rows.parts() for row in part.train.tolist()})
    listeners = {"": _listener(named, choices, learns), **_beside(run, named, choices, learns)}
    everything, heard = len(listeners) * len(rows.paths), dict[str, HeardRows]()
    for turn, (name, one) in enumerate(listeners.items()):

        def tell(done: int, total: int, turn: int = turn) -> None:
            progress(turn * total + done, everything)

        heard[name] = hear(one, rows.paths, cache=choices.cache, progress=tell)
    own = heard[""]
    known = rows.heard(own.rows)
    question = Question.of(known.truth, known.groups, known.parts(), settings)
    found = {
        name: {layer: ask(vectors, question, settings) for layer, vectors in one.vectors.items()}
        for name, one in heard.items()
    }
    last = max(found[""])
    several, spent = settings.several, time.perf_counter() - begin
    return {
        **_scores(found[""][last], several=several),
        "baselines": {name: _scores(layers[max(layers)], several=several) for name, layers in found.items() if name},
        "layers": [
            {"layer": layer, **_scores(figures, several=several)}
            for layer, figures in sorted(found[""].items())
            if layer
        ],
        "files": len(own.rows),
        "failed": own.failed,
        "dim": own.vectors[last].shape[1],
        "classes": len(rows.classes),
        "protocol": _protocol(known, choices, found[""][last]),
        "audio_seconds": own.audio_seconds,
        "seconds": spent,
        "real_time_factor": spent / own.audio_seconds,
    }


def pool_of(text: str) -> Pool:
    """A pooling by its name.

    Raises:
        ParameterError: if it is unknown; names the nearest.
    """
    for pool in POOLS:
        if pool == text:
            return pool
    raise ParameterError(f"pool {text!r} is unknown; {nearest(text, POOLS)}")


def _listener(named: NamedEncoder, choices: ProbeChoices, learns: Sequence[int]) -> Listener:
    layers = chosen_layers(named.encoder, choices.layers)
    return Listener(named.encoder, named.fingerprint, layers, choices.pool, learns)


def _beside(run: RunName, named: NamedEncoder, choices: ProbeChoices, learns: Sequence[int]) -> dict[str, Listener]:
    """The floors: the same net before it learnt anything, if there is one, and log-mel frames."""
    found: dict[str, Listener] = {}
    seed = choices.settings.seed
    unlearnt = load_unlearnt(run, seed=seed)
    if unlearnt is not None:
        found["random"] = Listener(unlearnt, f"{named.fingerprint} unlearnt {seed}", (), choices.pool, learns)
    if str(heard_as(run).run) != LOG_MEL:
        plain = named_encoder(LOG_MEL)
        found["log_mel"] = Listener(plain.encoder, plain.fingerprint, (), choices.pool, learns)
    return found


def _scores(figures: ProbeFigures, *, several: bool) -> dict[str, Any]:
    kind, knn = ("map" if several else "accuracy"), figures.knn
    found: dict[str, Any] = {
        f"linear_{kind}": figures.linear.value,
        f"knn_{kind}": knn[VOTERS].value,
        "confidence": {"linear": _ends(figures.linear), "knn": _ends(knn[VOTERS])},
        f"knn_{kind}_by_neighbours": {str(count): one.value for count, one in knn.items()},
    }
    if figures.linear_area is not None and figures.knn_area is not None:
        found |= {"linear_area": figures.linear_area.value, "knn_area": figures.knn_area.value}
    return to_json(found)


def _ends(figure: Figure) -> list[float]:
    return [figure.low, figure.high]


def _protocol(rows: Asked, choices: ProbeChoices, figures: ProbeFigures) -> dict[str, Any]:
    """All that decides the figures."""
    parts = rows.parts()
    return {
        "way": rows.way,
        "parts": len(parts),
        "train_rows": [len(part.train) for part in parts],
        "test_rows": [len(part.test) for part in parts],
        "groups": len(set(rows.groups)),
        "by": choices.by,
        "pool": choices.pool,
        "chosen_strengths": figures.chosen,
        "linear_by_seed": figures.by_seed,
        "neighbours": VOTERS,
        **asdict(choices.settings),
    }
