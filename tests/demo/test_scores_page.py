"""The page of scores shows what was found and leaves out what was not."""

from pathlib import Path

import torch

from smalti.core import Parameter, Schema
from smalti.demo.scores_page import write_scores_page
from smalti.evaluate import ContinuationScore, GeneratedClip, GenerationReport, MorphScore, MovementScore
from smalti.evaluate.plan import Request
from smalti.systems.generation_scores import GenerationScores

RATE = 8000
UNKNOWN = (
    "label_accuracy_by_label",
    "label_accuracy_truth",
    "label_accuracy_ceiling",
    "latents",
    "parameter_correlation",
    "bits_per_token",
    "copy_rate",
    "copy_rate_real",
    "frechet",
)
SCHEMA = Schema(("hum",), (Parameter(name="level", label="hum", unit="percent", low=1.0, high=100.0, scale="log"),))


def scores(*, vocab: int | None = 9, **found: object) -> GenerationScores:
    generator = torch.Generator().manual_seed(0)
    made = torch.rand(80, 20, generator=generator) if vocab is None else torch.randint(9, (3, 20), generator=generator)
    clip = GeneratedClip(Request("hum", {"level": 3.5}, 1), made, torch.randn(6000) * 0.1)
    known: dict[str, object] = dict.fromkeys(UNKNOWN)
    known |= {"label_accuracy": 0.75, "clips": 1, "audio_seconds": 0.75, "seconds": 0.1, "real_time_factor": 0.13}
    report = GenerationReport(generated=[clip], **{**known, **found})
    return GenerationScores(report, SCHEMA, RATE, vocab)


def written(to: Path, **found: object) -> str:
    write_scores_page(to / "page.html", scores(**found), name="a<b")
    return (to / "page.html").read_text(encoding="utf-8")


def test_a_report_without_knobs_is_a_page_without_them(tmp_path: Path) -> None:
    text = written(tmp_path)
    assert "a&lt;b" in text and "0.75" in text and text.count("<audio") == 1
    assert not any(title in text for title in ("The knobs", "Knobs that move", "become others", "gone on with"))


def test_a_model_of_mel_frames_shows_how_it_sounds_in_place_of_tokens(tmp_path: Path) -> None:
    assert 'alt="audio tokens"' in written(tmp_path) and 'alt="mel frames"' not in written(tmp_path)
    assert 'alt="mel frames"' in written(tmp_path, vocab=None)


def test_movements_morphs_and_continuations_have_their_chapters(tmp_path: Path) -> None:
    samples = torch.randn(6000) * 0.1
    move = MovementScore(correlation=0.91, spearman=0.9, ceiling=None, lag_seconds=0.25, lag_ceiling=None, clips=2,
                         unmeasured=1, times=(0.5, 1.0, 1.5), asked=(1.0, 5.0, 20.0), measured=(2.0, float("nan"), 9.0),
                         samples=samples)  # fmt: skip
    morph = MorphScore(
        hole_db=3.25, peak=0.5, clipped=0.0, clipped_ends=0.0, holds=True, levels_db=(-20.0, -21.0), samples=samples
    )
    text = written(
        tmp_path,
        trajectories={"hum.level": {"step": move}},
        morphs={"hum → hum": morph},
        left_out={"frechet": "wants <four> clips"},
        continuation=ContinuationScore(
            kept=1.0, join_bits=4.5, interior_bits=4.25, join_ratio=1.06, copy_rate=None, clips=7
        ),
    )
    assert all(title in text for title in ("Knobs that move", "become others", "gone on with"))
    assert "wants &lt;four&gt; clips" in text
    assert all(figure in text for figure in ("0.91", "0.25", "3.25", "1.06")) and text.count("<audio") == 3
