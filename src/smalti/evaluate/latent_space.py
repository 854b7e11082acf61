"""What an encoder's vectors say of the classes of recordings: clusters and probes, frame by frame and recording by
recording, beside what plain log-mel levels say of the same.

Convention: a class counts where recordings of two groups or more have it; nothing learns from a group that it is asked
about. What a column leaves empty is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError, need
from smalti.evaluate.clusters import Clustering, ClusterScore, cluster_score
from smalti.evaluate.probes import ProbeScore, probe
from smalti.evaluate.splits import Split, grouped_split, learnable
from smalti.evaluate.vectors import Level, Vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentSettings:
    """How vectors are asked.

    Attributes:
        seeds: splits that probes learn from, and starts of the clustering.
        seed: of the first; the others follow.
        share: 0…1 of the rows of each class that is held out of each split.
        clustering: how clusters are found.
        vectors: most frames that are asked about, of all recordings, and most recordings.
    """

    seeds: int = 5
    seed: int = 0
    share: float = 0.2
    clustering: Clustering = field(default_factory=Clustering)
    vectors: int = 4000

    def __post_init__(self) -> None:
        if self.seeds < 1 or not 0 < self.share < 1:
            raise ParameterError(f"found {self.seeds} seeds and share {self.share:g}, wanted one at least, and 0…1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceScore:
    """What vectors of one kind say of a column."""

    clusters: ClusterScore
    linear: ProbeScore
    forest: ProbeScore


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelScore:
    """A column, by single frames or by pooled recordings.

    Attributes:
        vectors: asked about.
        encoder: what its vectors say.
        log_mel: what log-mel levels of the same frames say, of recordings pooled as the encoder's.
        clip_statistics: what `clip_statistics` of the same recordings say; None of frames.
        majority: what is right if the most frequent class is always named.
    """

    vectors: int
    encoder: SpaceScore
    log_mel: SpaceScore
    clip_statistics: SpaceScore | None
    majority: ProbeScore


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnScore:
    """What is known of a column.

    Attributes:
        classes: how many were asked about; `chance` is one of them at random.
        left_out: classes of a single group, which could not be learnt and asked about.
        recordings, frames: at both levels.
    """

    classes: int
    chance: float
    left_out: tuple[str, ...]
    recordings: LevelScore
    frames: LevelScore


def evaluate_latents(
    vectors: Vectors,
    columns: Mapping[str, Sequence[str | None]],
    groups: Sequence[str],
    *,
    settings: LatentSettings | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, ColumnScore]:
    """Score the vectors of recordings on each column of classes.

    Args:
        vectors: as from `collect`.
        columns: by name, the class of each recording, or None.
        groups: where each recording comes from; those of one group are never on both sides of a split.
        settings: the defaults if None.
        progress: told (levels done, in all).
    Raises:
        ParameterError: if scikit-learn is not installed, or a column has fewer than two classes of two groups each.
    """
    need("sklearn", extra="evaluate", what="scores of latents")
    settings, found = settings or LatentSettings(), dict[str, ColumnScore]()
    for name, column in columns.items():
        counts = counted(name, column, groups)
        kept = set(counts) - {None}
        recordings = _level_score(vectors.recordings, counts, groups, settings)
        progress(2 * len(found) + 1, 2 * len(columns))
        found[name] = ColumnScore(
            classes=len(kept),
            chance=1 / len(kept),
            left_out=tuple(sorted({label for label in column if label and label not in kept})),
            recordings=recordings,
            frames=_level_score(vectors.frames, counts, groups, settings),
        )
        progress(2 * len(found), 2 * len(columns))
    return found


def counted(name: str, column: Sequence[str | None], groups: Sequence[str]) -> list[str | None]:
    """The same column with None for every class that is not in two groups.

    Raises:
        ParameterError: if fewer than two classes are left.
    """
    known = [(label, group) for label, group in zip(column, groups, strict=True) if label]
    kept = set(learnable([label for label, _ in known], [group for _, group in known]))
    if len(kept) < 2:
        found = f"{len({label for label, _ in known})} classes, {len(kept)} of them in two groups or more"
        raise ParameterError(
            f"column {name!r} has {found}, wanted two such classes at least; "
            "hear more rows, such as split all, or name a finer column of groups"
        )
    return [label if label in kept else None for label in column]


def splits_of(
    level: Level, counts: Sequence[str | None], groups: Sequence[str], settings: LatentSettings
) -> tuple[list[int], list[str], list[Split]]:
    """The vectors that have a class, by position; the class of each; and splits, whose rows are places in this list.

    Args:
        level: of the vectors.
        counts: the class of each recording, as from `counted`.
        groups: where each recording comes from.
        settings: how many splits, and how large.
    """
    owners: list[int] = level.recording.tolist()
    rows = [row for row, owner in enumerate(owners) if counts[owner] is not None]
    labels = [str(counts[owners[row]]) for row in rows]
    own = [groups[owners[row]] for row in rows]
    seeds = range(settings.seed, settings.seed + settings.seeds)
    return rows, labels, [grouped_split(labels, own, share=settings.share, seed=seed) for seed in seeds]


def _level_score(
    level: Level, counts: Sequence[str | None], groups: Sequence[str], settings: LatentSettings
) -> LevelScore:
    rows, labels, splits = splits_of(level, counts, groups, settings)
    starts = range(settings.seed, settings.seed + settings.seeds)

    def score(features: Float[Tensor, "row feature"]) -> SpaceScore:
        return SpaceScore(
            clusters=cluster_score(features, labels, clustering=settings.clustering, seeds=starts),
            linear=probe(features, labels, splits),
            forest=probe(features, labels, splits, kind="forest"),
        )

    scores = {name: score(features[rows]) for name, features in level.spaces.items()}
    return LevelScore(
        vectors=len(rows),
        encoder=scores["encoder"],
        log_mel=scores["log_mel"],
        clip_statistics=scores.get("clip_statistics"),
        majority=probe(level.spaces["encoder"][rows], labels, splits, kind="majority"),
    )
