"""What a tokenizer is learnt by: takes of a word find each other by their strings, and all tokens are used."""

from collections.abc import Mapping

import torch
from torch import Tensor

from smalti.data.pairs import Drawn
from smalti.losses import (
    Likeness,
    aligned_prediction,
    blank_free_ctc,
    collapsed,
    contrastive,
    matching,
    pair_log_likelihoods,
    unbalance,
    warping_partners,
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
    if config.share and "contrast" in found:
        _scale_likelihoods(found, config)
    if config.aligned:
        partners = warping_partners(heard.vectors, heard.frames, heard.vectors[partner], heard.frames[partner])
        found["aligned"] = aligned_prediction(heard.log_probabilities, heard.frames, heard.codes[partner], partners)
    if config.matching:
        found["matching"] = _matching(heard, partner, codebook, likeness)
    return found


def weighted(found: Mapping[str, Tensor], config: ObjectiveConfig) -> Tensor:
    """Their sum."""
    return torch.stack([getattr(config, name) * value for name, value in found.items()]).sum()


def _contrast(heard: Heard, drawn: Drawn, strings: Tensor, tokens: Tensor, sharpness: float) -> Tensor:
    """Every row's frames are to find the strings of its kind, and every string the frames: as search asks both.

    Asked one way only, strings that all frames like a little would be found by everything.
    """
    scores = pair_log_likelihoods(heard.log_probabilities, heard.frames, strings, tokens) / heard.frames[:, None]
    kinds, rounds = (torch.tensor(column, device=scores.device) for column in (drawn.kinds, drawn.rounds))
    together, same = rounds[:, None] == rounds, kinds[:, None] == kinds
    possible = scores.detach() > _BADLY
    scores = torch.where(together, sharpness * scores.clamp(min=_BADLY), -1e9)
    wanted = together & same & possible
    return (contrastive(scores, wanted) + contrastive(scores.T, wanted.T)) / 2


def _scale_likelihoods(found: dict[str, Tensor], config: ObjectiveConfig) -> None:
    """Both together are to be a share of the contrast, whatever they are in nats. Source: wav2tok 2.0, stage 2."""
    parts = {name: found[name] for name in ("alpha", "beta") if name in found}
    whole = sum((getattr(config, name) * float(value.detach()) for name, value in parts.items()), 0.0)
    if whole > 0:
        scale = config.share * config.contrast * float(found["contrast"].detach()) / whole
        found.update({name: scale * value for name, value in parts.items()})


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
