"""Copy rate finds recitals wherever they lie, and nothing else."""

import pytest
import torch
from torch import Tensor

from smalti.core import ParameterError
from smalti.evaluate.copying import copy_rate

VOCAB, SPAN = 50, 6


def drawn(frames: int, seed: int) -> Tensor:
    return torch.randint(VOCAB, (3, frames), generator=torch.Generator().manual_seed(seed))


TRAINING = [drawn(frames, seed) for seed, frames in enumerate((31, 4, 17, 23))]


def rate(*clips: Tensor, span: int = SPAN) -> float:
    return copy_rate(clips, TRAINING, span=span, vocab=VOCAB)


def test_a_recital_is_found_at_any_frame_of_any_clip() -> None:
    assert rate(TRAINING[0], TRAINING[3][:, 5:]) == 1
    assert rate(TRAINING[2][:, 11:17]) == 1


def test_random_codes_are_no_recital() -> None:
    assert rate(drawn(120, 77)) == 0


def test_nine_in_ten_equal_codes_are_a_copy_and_fewer_are_not() -> None:
    close, far = TRAINING[0][:, 8 : 8 + SPAN].clone(), TRAINING[0][:, 8 : 8 + SPAN].clone()
    close[0, 2] = (close[0, 2] + 1) % VOCAB
    far[1, 1:3] = (far[1, 1:3] + 1) % VOCAB
    assert rate(close) == 1
    assert rate(far) == 0


def test_a_span_does_not_run_from_one_training_clip_into_the_next() -> None:
    joined = torch.cat([TRAINING[0][:, -3:], TRAINING[1][:, :3]], dim=1)
    assert rate(joined) == 0


def test_half_a_recital_counts_half() -> None:
    assert rate(torch.cat([TRAINING[3][:, :SPAN], drawn(SPAN, 99)], dim=1)) == 0.5


def test_the_search_equals_comparing_everything_with_everything() -> None:
    generator = torch.Generator().manual_seed(5)
    few = [torch.randint(2, (2, frames), generator=generator) for frames in (40, 25)]
    asked = [torch.randint(2, (2, 7), generator=generator) for _ in range(60)]
    windows = torch.cat([clip.unfold(1, 7, 1).movedim(1, 0) for clip in few])
    found = [float((windows == clip).double().mean(dim=(1, 2)).max()) >= 0.9 for clip in asked]
    assert 0 < sum(found) < 60
    assert copy_rate(asked, few, span=7, vocab=2) == pytest.approx(sum(found) / 60)


def test_clips_without_a_whole_span_are_refused() -> None:
    with pytest.raises(ParameterError, match="shorter span"):
        rate(drawn(5, 1))
    with pytest.raises(ParameterError, match="shorter span"):
        rate(drawn(90, 1), span=40)
