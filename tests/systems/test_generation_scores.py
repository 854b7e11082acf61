"""Scores by the name of a run: a model of mel frames is asked what one of tokens is, but for its tokens."""

from pathlib import Path

import pytest

from journey import Journey
from smalti.core import ParameterError
from smalti.data.manifest import Manifest
from smalti.evaluate import MovementSettings
from smalti.systems.generation_scores import Asking, score_generation
from smalti.systems.hearing import Heard

BRIEF = Asking(seconds=0.3, clips=3, null_clips=2)
OF_TOKENS = {"bits_per_token", "copy_rate", "continuation"}


@pytest.fixture
def split(journey: Journey, tmp_path: Path) -> Path:
    """The clips, every second one held out."""
    rows = Manifest.read(journey.sounds).table.to_pylist()
    rows = [{**row, "path": str(journey.sounds / row["path"]), "split": ("train", "test")[place % 2]}
            for place, row in enumerate(rows)]  # fmt: skip
    Manifest.from_rows(rows, tmp_path).write(tmp_path / "split.csv")
    return tmp_path / "split.csv"


def test_a_model_of_frames_is_scored_on_what_it_sounds_like(journey: Journey, split: Path) -> None:
    found = score_generation(journey.frames, split, asking=BRIEF)
    report = found.report
    assert report.label_accuracy is not None and report.label_accuracy_ceiling is not None
    assert (report.parameter_correlation or {}).keys() == {"pistons.rate", "rain.rate"}
    assert report.frechet is not None
    assert (report.left_out or {}).keys() == OF_TOKENS | {"trajectories", "morphs"}
    assert (found.vocab, found.sample_rate) == (None, 22_050)


def test_its_knobs_move_and_its_labels_pass_into_each_other_through_a_vocoder(journey: Journey) -> None:
    asking = Asking(seconds=0.3, clips=2, null_clips=0, movements=MovementSettings(seconds=1.0, clips=1))
    report = score_generation(Heard(journey.frames, vocoder=journey.vocoder, bridge="magnitude"), asking=asking).report
    assert (report.trajectories or {}).keys() == {"pistons.rate", "rain.rate"}
    assert (report.morphs or {}).keys() == {"pistons → rain", "rain → pistons"}


def test_tokens_are_no_reference_of_a_model_of_frames(journey: Journey, split: Path) -> None:
    with pytest.raises(ParameterError, match="leave them out"):
        score_generation(journey.frames, split, asking=Asking(tokens=journey.tokens))
