"""Whether what is learnt still says something: the numbers that fall when all latents become one."""

import logging
from collections import deque
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from smalti.systems.matpac.learning import Learnt, Total

_log = logging.getLogger(__name__)
_LEAST_SPREAD = 0.02
_LEAST_SHARE = 0.05
_LOOKS = 8  # at signs of different steps: those of a small set need few prototypes, where steps are of one set each


@torch.no_grad()
def collapse_signs(learnt: Learnt, *, choices: int, total: Total) -> dict[str, float]:
    """How a step's latents are spread, over the rows of all processes, by one sum over them.

    Args:
        learnt: of a step.
        choices: guesses of every row.
        total: sums over processes.
    Returns:
        `teacher_std` and `guess_std`: standard deviation over rows, mean over dimensions. `perplexity`: of the mean
        assignment, of as many prototypes as there are. `live_prototypes`: how many are anyone's first. `agreement`:
        share of rows whose guess has the first prototype of the target. `winner_0` …: share of rows won by each guess,
        if there are several.
    """
    first, guessed = learnt.wanted.argmax(-1), learnt.student_scores.argmax(-1)
    vectors = [learnt.heard.double(), learnt.guess.double()]
    parts: list[Tensor] = [part for rows in vectors for part in (rows.sum(0), rows.square().sum(0))]
    parts += [learnt.wanted.double().sum(0), functional.one_hot(first, learnt.wanted.shape[1]).sum(0).double()]
    parts += [functional.one_hot(learnt.winner, choices).sum(0).double()]
    parts += [torch.stack([(first == guessed).sum(), torch.tensor(len(first), device=first.device)]).double()]
    found = total(torch.cat(parts)).split([len(part) for part in parts])
    rows = found[-1][1]
    shares = found[4] / rows
    signs = {
        "teacher_std": _spread(found[0], found[1], rows),
        "guess_std": _spread(found[2], found[3], rows),
        "perplexity": float(torch.special.entr(shares).sum().exp()),
        "live_prototypes": float((found[5] > 0).sum()),
        "agreement": float(found[-1][0] / rows),
    }
    won = {f"winner_{i}": float(count / rows) for i, count in enumerate(found[6])} if choices > 1 else {}
    return {**signs, **won}


class CollapseAlarm:
    """Says once, until it is better, that latents become one: in all of the last steps that were looked at."""

    def __init__(self, prototypes: int) -> None:
        self._least = _LEAST_SHARE * prototypes
        self._told: set[str] = set()
        self._seen: deque[Mapping[str, float]] = deque(maxlen=_LOOKS)

    def hear(self, step: int, signs: Mapping[str, float]) -> None:
        """Warn of the signs of a step and of those before it."""
        self._seen.append(signs)
        bounds = {"perplexity": self._least, "teacher_std": _LEAST_SPREAD, "guess_std": _LEAST_SPREAD}
        for name, least in bounds.items():
            most = max(each[name] for each in self._seen)
            if most >= least:
                self._told.discard(name)
            elif name not in self._told:
                self._told.add(name)
                _log.warning(
                    "step %d: %s is %.3g at most, wanted at least %.3g; the latents become one: lower the learning "
                    "rate or standardise the teacher", step, name, most, least,
                )  # fmt: skip


def _spread(sums: Tensor, squares: Tensor, rows: Tensor) -> float:
    return float((squares / rows - (sums / rows).square()).clamp(min=0).sqrt().mean())
