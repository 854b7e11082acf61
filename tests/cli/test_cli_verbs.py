"""Every verb does its work at tiny size, says so in one JSON object, and keeps stdout for results."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from journey import TINY_CODEC, TINY_LM, Journey
from smalti.audio import read, write
from smalti.cli import run
from smalti.core import Audio
from smalti.store import read_smt

TRANSCODED = {"files", "failed", "audio_seconds", "seconds", "real_time_factor", "bitrate"}
SCORED = {
    "log_mel_l1_db",
    "perplexity",
    "codebook_usage",
    "encode_real_time_factor",
    "decode_real_time_factor",
    "per_file",
}


class Verbs:
    """Runs verbs with --json in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        self._capsys.readouterr()
        found = run([*map(str, arguments), "--json"])
        shown = self._capsys.readouterr()
        assert found == code, shown.err
        assert len(shown.out.splitlines()) == 1
        return json.loads(shown.out)


@pytest.fixture
def smalti(capsys: pytest.CaptureFixture[str]) -> Verbs:
    return Verbs(capsys)


@pytest.fixture
def clip(journey: Journey) -> Path:
    return journey.sounds / "rain" / "rain-0000.flac"


def test_textures_render_the_same_bytes_twice(smalti: Verbs, tmp_path: Path) -> None:
    for name in ("a", "b"):
        found = smalti("textures", "--to", tmp_path / name, "--clips", 2, "--seconds", 0.3, "--kinds", "rain,fm")
        assert found["files"] == 4 and found["kinds"] == ["rain", "fm"]
        assert {"real_time_factor", "estimates", "audio_seconds"} <= found.keys()
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()} for name in "ab"
    )
    assert one == other


def test_prepare_lists_good_and_bad_and_exits_1(smalti: Verbs, journey: Journey, tmp_path: Path) -> None:
    shutil.copytree(journey.sounds / "rain", tmp_path / "own" / "rain")
    (tmp_path / "own" / "rain" / "bad.wav").write_text("no sound")
    found = smalti("prepare", tmp_path / "own", "--to", tmp_path / "m.csv", "--max-bad", 1, code=1)
    assert found["files"] == 6 and [Path(one["path"]).name for one in found["failed"]] == ["bad.wav"]
    assert (tmp_path / "m.csv").exists()


def test_the_journey_of_a_codec(smalti: Verbs, journey: Journey, clip: Path, tmp_path: Path) -> None:
    found = smalti("train", "melvqvae/textures", "--data", journey.sounds, "--out", tmp_path / "run", *TINY_CODEC)
    assert found["steps"] == 6 and {"run", "seconds", "metrics"} <= found.keys()
    found = smalti("encode", tmp_path / "run", clip, "--to", tmp_path / "a.smt")
    assert found.keys() == TRANSCODED and found["files"] == 1
    assert smalti("decode", tmp_path / "run", tmp_path / "a.smt", "--to", tmp_path / "a.wav").keys() == TRANSCODED
    assert read(tmp_path / "a.wav").lengths.tolist() == read(clip, sample_rate=22_050).lengths.tolist()
    found = smalti("reconstruct", tmp_path / "run", clip, "--to", tmp_path / "heard")
    assert found.keys() == TRANSCODED | SCORED and Path(found["per_file"][0]["to"]).exists()
    found = smalti("evaluate", "codec", tmp_path / "run", "--data", journey.sounds)
    assert TRANSCODED | SCORED | {"by_label", "peers"} <= found.keys() and found["files"] == 2


def test_the_journey_of_tokens(smalti: Verbs, journey: Journey, tmp_path: Path) -> None:
    found = smalti("encode", journey.codec, "--data", journey.sounds, "--to", tmp_path / "tokens")
    assert found["files"] == 12 and found["failed"] == []
    found = smalti("decode", journey.codec, tmp_path / "tokens", "--to", tmp_path / "heard")
    assert found["files"] == len(list((tmp_path / "heard").rglob("*.wav"))) == 12
    found = smalti("train", "synthformer/tiny", "--data", tmp_path / "tokens", "--out", tmp_path / "lm", *TINY_LM)
    assert found["steps"] == 6
    found = smalti("generate", tmp_path / "lm", "--label", "rain", "--seconds", 0.5, "--to", tmp_path / "o.wav")
    assert found["files"] == 1 and (tmp_path / "o.wav").exists()


def test_recordings_by_name_make_a_store_and_bad_ones_are_listed(
    smalti: Verbs, journey: Journey, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.wav").write_text("no sound")
    found = smalti("encode", journey.codec, clip, tmp_path / "bad.wav", "--to", tmp_path / "tokens", code=1)
    assert found["files"] == 1 and [one["path"] for one in found["failed"]] == [str(tmp_path / "bad.wav")]
    assert smalti("verify", tmp_path / "tokens")["damaged"] == []


def test_generate_writes_one_file_per_seed_and_repeats_itself(smalti: Verbs, journey: Journey, tmp_path: Path) -> None:
    asked = ("generate", journey.lm, "--label", "pistons", "--set", "rate=2:9", "--seconds", 0.7, "--top-k", 5)
    found = smalti(*asked, "--count", 3, "--seed", 4, "--to", tmp_path / "o.wav")
    assert found["paths"] == [str(tmp_path / f"o-{i}.wav") for i in (1, 2, 3)] and found["seeds"] == [4, 5, 6]
    smalti(*asked, "--seed", 5, "--to", tmp_path / "again.wav")
    assert (tmp_path / "o-2.wav").read_bytes() == (tmp_path / "again.wav").read_bytes()
    assert read(tmp_path / "again.wav").samples.shape[1] == round(0.7 * 22_050)


def test_generate_continues_a_recording(smalti: Verbs, journey: Journey, clip: Path, tmp_path: Path) -> None:
    found = smalti("generate", journey.lm, "--prompt", clip, "--seconds", 0.5, "--to", tmp_path / "o.wav")
    whole_frames = int(0.8 * 22_050) // 1024 * 1024
    assert found["audio_seconds"] == pytest.approx((whole_frames + round(0.5 * 22_050)) / 22_050)


def test_generate_continues_the_beginning_of_a_recording(
    smalti: Verbs, journey: Journey, clip: Path, tmp_path: Path
) -> None:
    asked = ("--prompt", clip, "--prompt-seconds", 0.4, "--seconds", 0.3, "--min-p", 0.1)
    for model in (journey.gpt, journey.masked):
        smalti("generate", model, *asked, "--guidance", "label=2", "--to", tmp_path / f"{model.name}.smt")
        smalti("encode", journey.codec, clip, "--to", tmp_path / "whole.smt")
        codes, whole = read_smt(tmp_path / f"{model.name}.smt").codes, read_smt(tmp_path / "whole.smt").codes
        half = int(0.4 * 22_050) // 1024
        # the last of the heard frames may hear what lies behind it in the whole recording, but not in the prompt
        assert torch.equal(codes[:, :, : half - 3], whole[:, :, : half - 3])
        assert codes.shape[2] == half + math.ceil(0.3 * 22_050 / 1024)


def test_generate_makes_a_gap_anew_and_keeps_every_other_code(
    smalti: Verbs, journey: Journey, clip: Path, tmp_path: Path
) -> None:
    smalti("encode", journey.codec, clip, "--to", tmp_path / "whole.smt")
    asked = ("generate", journey.masked, "--prompt", clip, "--inpaint", "0.2:0.5", "--label", "rain", "--passes", 3)
    found = smalti(*asked, "--count", 2, "--to", tmp_path / "o.smt")
    whole = read_smt(tmp_path / "whole.smt")
    outside = torch.ones(whole.codes.shape[2], dtype=torch.bool)
    outside[int(0.2 * 22_050 / 1024) : math.ceil(0.5 * 22_050 / 1024)] = False
    made = [read_smt(tmp_path / name) for name in ("o-1.smt", "o-2.smt")]
    for one in made:
        assert torch.equal(one.codes[:, :, outside], whole.codes[:, :, outside])
        assert torch.equal(one.lengths, whole.lengths)
    assert not torch.equal(made[0].codes, made[1].codes)
    assert found["audio_seconds"] == pytest.approx(2 * int(whole.lengths[0]) / 22_050)
    smalti(*asked, "--seed", 1, "--to", tmp_path / "o.wav")
    assert read(tmp_path / "o.wav").lengths.tolist() == whole.lengths.tolist()


def test_evaluate_generation_scores_models_that_fill_gaps(smalti: Verbs, journey: Journey) -> None:
    asked = ("--data", journey.sounds, "--seconds", 0.6, "--clips", 2, "--passes", 2)
    found = smalti("evaluate", "generation", journey.masked, *asked)["bits_per_token"]
    assert found.keys() == {"bound", "unigram", "bigram", "bigram_previous", "bigram_row"}


def test_evaluate_generation_measures_textures_and_labels(smalti: Verbs, journey: Journey) -> None:
    asked = ("--data", journey.sounds, "--tokens", journey.tokens, "--seconds", 0.6, "--clips", 2)
    found = smalti("evaluate", "generation", journey.lm, *asked)
    assert set(found["parameter_correlation"]) == {"pistons.rate", "rain.rate"}
    assert {"spearman", "ceiling", "null", "median_error"} <= found["parameter_correlation"]["rain.rate"].keys()
    assert {"label_accuracy", "bits_per_token", "clips", "real_time_factor"} <= found.keys()


def test_evaluate_generation_follows_what_moves_and_writes_a_page(
    smalti: Verbs, journey: Journey, tmp_path: Path
) -> None:
    moving = ("--trajectories", "--moving-seconds", 2, "--html", tmp_path / "scores.html")
    found = smalti("evaluate", "generation", journey.lm, "--seconds", 0.6, "--clips", 2, "--null-clips", 3, *moving)
    assert found["parameter_correlation"]["rain.rate"]["null_clips"] == 3
    assert found["trajectories"]["rain.rate"].keys() == {"ramp", "step"}
    assert {"correlation", "ceiling", "lag_seconds"} <= found["trajectories"]["rain.rate"]["step"].keys()
    assert found["left_out"].keys() == {"label_accuracy", "bits_per_token", "copy_rate", "continuation"}
    assert {"hole_db", "clipped", "holds"} <= next(iter(found["morphs"].values())).keys()
    assert "Knobs that move" in (tmp_path / "scores.html").read_text(encoding="utf-8")


def test_show_and_verify_speak_of_everything(smalti: Verbs, journey: Journey, tmp_path: Path) -> None:
    assert smalti("show", journey.lm)["kind"] == "run"
    assert smalti("verify", journey.lm) == {"path": str(journey.lm), "damaged": []}
    shutil.copytree(journey.tokens, tmp_path / "tokens")
    (tmp_path / "tokens" / "shard-00000.safetensors").unlink()
    assert "missing" in smalti("verify", tmp_path / "tokens", code=1)["damaged"][0]


def test_without_json_results_are_lines_for_people(journey: Journey, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", str(journey.tokens)]) == 0
    shown = capsys.readouterr().out
    assert "spec.vocab" in shown and "{" not in shown


def test_a_process_keeps_stdout_for_results_and_stderr_for_progress(journey: Journey, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from smalti.cli import main; main()"]
    arguments = [
        "train",
        "melvqvae/textures",
        "--data",
        str(journey.sounds),
        "--out",
        str(tmp_path / "run"),
        *TINY_CODEC,
    ]
    done = subprocess.run([*command, *arguments, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == 6
    assert "train 6/6" in done.stderr


def test_a_training_that_is_terminated_saves_and_says_how_to_go_on(journey: Journey, tmp_path: Path) -> None:
    program = "import torch; torch.set_num_threads(1); from smalti.cli import main; main()"
    settings = [*TINY_CODEC, "train.steps=400", "cadence.checkpoint=1000"]
    command = [sys.executable, "-c", program, "train", "melvqvae/textures", "--data", str(journey.sounds)]
    command += ["--out", str(tmp_path / "run"), *settings]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "train 40/400" in line)
        process.terminate()
        said = process.stderr.read()
        assert process.wait(timeout=60) == 143, said
    assert "--resume" in said and "Traceback" not in said
    assert (tmp_path / "run" / "latest").exists()
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def test_a_recording_that_is_cut_short_is_encoded_with_a_warning(
    smalti: Verbs, journey: Journey, tmp_path: Path
) -> None:
    write(tmp_path / "a.wav", Audio.single(torch.rand(9000) - 0.5, 22_050))
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[:8000])
    with pytest.warns(UserWarning, match="cut-short"):
        found = smalti("encode", journey.codec, tmp_path / "a.wav", "--to", tmp_path / "a.smt")
    assert found["audio_seconds"] == pytest.approx((8000 - 44) / 2 / 22_050)
