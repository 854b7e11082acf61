"""What a tokenizer is learnt by: takes of a word find each other by their strings, and all tokens are used."""

from collections.abc import Mapping

import torch
from torch import Tensor

from smalti.data.pairs import Drawn
from smalti.losses import (
    Likeness,
    blank_free_ctc,
    collapsed,
    contrastive,
    matching,
    pair_log_likelihoods,
    unbalance,
)
from smalti.systems.wav2tok.config import ObjectiveConfig
from smalti.systems.wav2tok.net import Codebook, Heard

_BADLY = -25.0  # nats a frame: what is less likely is as good as impossible, and no aim


def losses(
    heard: Heard, drawn: Drawn, config: ObjectiveConfig, codebook: Codebook, likeness: Likeness
) -> Mapping[str, Tensor]:
    """Each part that has a weight, without it.

    Args:
        heard: the rows of a step.
        drawn: which of them belong together.
        config: weights.
        codebook: of the net.
        likeness: of prototypes and code vectors.
    """
    strings, tokens = collapsed(heard.codes, heard.frames)
    partner = _partners(drawn).to(tokens.device)
    found: dict[str, Tensor] = {}
    if config.contrast and len(set(drawn.kinds)) > 1:
        found["contrast"] = _contrast(heard, drawn, strings, tokens, config.sharpness)
    if config.balance:
        found["balance"] = unbalance(heard.log_probabilities, heard.inside)
    for name, weight, order in (("alpha", config.alpha, partner), ("beta", config.beta, partner.argsort())):
        if weight:
            each = blank_free_ctc(heard.log_probabilities, heard.frames, strings[order], tokens[order])
            found[name] = each.mean()
    if config.matching:
        found["matching"] = _matching(heard, partner, codebook, likeness)
    return found


def weighted(found: Mapping[str, Tensor], config: ObjectiveConfig) -> Tensor:
    """Their sum."""
    return torch.stack([getattr(config, name) * value for name, value in found.items()]).sum()


def similarities(heard: Heard) -> Tensor:
    """ln likelihood of each row's string under each row's frames, in nats per frame: [frames of, string of]."""
    strings, tokens = collapsed(heard.codes, heard.frames)
    found = pair_log_likelihoods(heard.log_probabilities, heard.frames, strings, tokens)
    return found / heard.frames.clamp(min=1)[:, None]


def _contrast(heard: Heard, drawn: Drawn, strings: Tensor, tokens: Tensor, sharpness: float) -> Tensor:
    """Every row is to find its own kind by their strings. Source: this system's own; see `losses.contrastive`."""
    scores = pair_log_likelihoods(heard.log_probabilities, heard.frames, strings, tokens) / heard.frames[:, None]
    kinds, rounds = (torch.tensor(column, device=scores.device) for column in (drawn.kinds, drawn.rounds))
    together, same = rounds[:, None] == rounds, kinds[:, None] == kinds
    possible = scores.detach() > _BADLY
    scores = torch.where(together, sharpness * scores.clamp(min=_BADLY), -1e9)
    return contrastive(scores, together & same & possible)


def _matching(heard: Heard, partner: Tensor, codebook: Codebook, likeness: Likeness) -> Tensor:
    """Mean over rows, each together with its partner."""
    inside, codes = heard.inside, heard.codes
    found: list[Tensor] = []
    for row, other in enumerate(partner.tolist()):
        both = [(one, inside[one]) for one in dict.fromkeys((row, other))]
        vectors = torch.cat([heard.vectors[one][keep] for one, keep in both])
        named = torch.cat([codes[one][keep] for one, keep in both])
        found.append(matching(vectors, named, codebook.directions, likeness, temperature=codebook.temperature))
    return torch.stack(found).mean()


def _partners(drawn: Drawn) -> Tensor:
    """For each row the next of its kind and round, the first one for the last; itself if it is alone."""
    rows: dict[tuple[int, int], list[int]] = {}
    for row, key in enumerate(zip(drawn.kinds, drawn.rounds, strict=True)):
        rows.setdefault(key, []).append(row)
    partner = torch.arange(len(drawn.clips))
    for members in rows.values():
        partner[torch.tensor(members)] = torch.tensor([*members[1:], members[0]])
    return partner
