"""Learning from a partner frame by frame: each frame is to have the token of the partner's frame that it goes with.

Which frames go together is what dynamic time warping says of their vectors; the path is no part of the gradient.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor


@torch.no_grad()
def warping_partners(
    vectors: Float[Tensor, "batch frame dim"],
    frames: Int64[Tensor, " batch"],
    others: Float[Tensor, "batch other dim"],
    counts: Int64[Tensor, " batch"],
) -> Int64[Tensor, "batch frame"]:
    """For every frame the last frame of the other that goes with it on the cheapest path; 0 in padding.

    Args:
        vectors: of each item.
        frames: of each item, at least one.
        others: vectors of its partner.
        counts: frames of the partner, at least one.
    Source: Sakoe & Chiba 1978, symmetric form (a step along both counts twice), on Euclidean distances.
    """
    costs = torch.cdist(vectors.float(), others.float())
    places = torch.arange(costs.shape[2], device=costs.device)
    sums = costs.cumsum(dim=2)
    reached = sums[:, 0] + costs[:, 0, :1]
    rows = [reached]
    for frame in range(1, costs.shape[1]):
        cost = costs[:, frame]
        best = reached + cost
        best[:, 1:] = torch.minimum(best[:, 1:], reached[:, :-1] + 2 * cost[:, 1:])
        # along the other a path goes on from the best beginning: a running minimum, less the costs up to there
        reached = (best - sums[:, frame]).cummin(dim=1).values + sums[:, frame]
        rows.append(reached)
    return _walked_back(torch.stack(rows, dim=1), costs, frames, counts, places)


def aligned_prediction(
    log_probabilities: Float[Tensor, "batch frame vocab"],
    frames: Int64[Tensor, " batch"],
    codes: Int64[Tensor, "batch other"],
    partners: Int64[Tensor, "batch frame"],
) -> Float[Tensor, ""]:
    """Mean over items and their frames of -ln of the chance of the token that the partner's frame has, in nats.

    Args:
        log_probabilities: natural logarithms of every token's chance.
        frames: of each item; the rest is padding.
        codes: of the partner's frames.
        partners: which of them each frame goes with (`warping_partners`).
    Source: wav2tok 2.0, arXiv:2606.26824, pair loss.
    """
    inside = torch.arange(partners.shape[1], device=frames.device) < frames[:, None]
    wanted = codes.gather(1, partners)
    found = log_probabilities.gather(2, wanted[..., None])[..., 0]
    return -(torch.where(inside, found, 0).sum(dim=1) / frames).mean()


def _walked_back(reached: Tensor, costs: Tensor, frames: Tensor, counts: Tensor, places: Tensor) -> Tensor:
    """From the last frames of both to the first; every step goes to where the sum that was reached came from."""
    batch = torch.arange(len(costs), device=costs.device)
    there = counts - 1
    partners = torch.zeros(costs.shape[:2], dtype=torch.int64, device=costs.device)
    for frame in range(costs.shape[1] - 1, -1, -1):
        inside = frame < frames
        partners[:, frame] = torch.where(inside, there, 0)
        if not frame:
            break
        before, cost = reached[:, frame - 1], costs[:, frame]
        down = before + cost
        both = torch.nn.functional.pad(before[:, :-1] + 2 * cost[:, 1:], (1, 0), value=torch.inf)
        sums = cost.cumsum(dim=1)
        # where the run along the other that ends here began: the last best beginning up to there
        begins = torch.minimum(down, both) - sums
        begins = begins.masked_fill(places > there[:, None], torch.inf)
        start = begins.argmin(dim=1)
        up = torch.where(both[batch, start] < down[batch, start], start - 1, start)
        there = torch.where(inside, up, there)
    return partners
