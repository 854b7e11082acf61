"""Wrong input: exit code 2, one sentence with found, wanted and nearest, and nothing written."""

from pathlib import Path

import pytest

from journey import Journey
from smalti.cli import run

REFUSALS = {
    "unknown preset": ("train melvqvae/tinny --data {sounds} --out {out}/x", "did you mean 'melvqvae/tiny'"),
    "unknown key": ("train melvqvae/tiny --data {sounds} --out {out}/x train.stps=3", "did you mean train.steps?"),
    "wrong value": ("train melvqvae/tiny --data {sounds} --out {out}/x train.steps=-3", "greater than 0"),
    "data not there": ("train melvqvae/tiny --data {out}/no.csv --out {out}/x", "no.csv"),
    "data a recording": ("train melvqvae/tiny --data {clip} --out {out}/x", "cannot be read as a table"),
    "data of another kind": ("train synthformer/tiny --data {sounds} --out {out}/x", "is no token store"),
    "unknown label": ("generate {lm} --label pistns --seconds 1 --to {out}/x.wav", "did you mean 'pistons'"),
    "unknown parameter": (
        "generate {lm} --label rain --set rte=3 --seconds 1 --to {out}/x.wav",
        "did you mean 'rate'",
    ),
    "parameter of no label": ("generate {lm} --set rate=3 --seconds 1 --to {out}/x.wav", "does not belong"),
    "value out of range": ("generate {lm} --label pistons --set rate=300 --seconds 1 --to {out}/x.wav", "outside 1…16"),
    "setting that cannot be read": (
        "generate {lm} --label rain --set rate --seconds 1 --to {out}/x.wav",
        "write name=",
    ),
    "no seconds": ("generate {lm} --seconds 0 --to {out}/x.wav", "must be positive"),
    "no length": ("generate {lm} --to {out}/x.wav", "seconds are missing"),
    "a gap for a model that continues": (
        "generate {lm} --prompt {clip} --inpaint 0.2:0.4 --to {out}/x.wav",
        "hears only what comes before",
    ),
    "a gap that cannot be read": ("generate {masked} --prompt {clip} --inpaint 2:1 --to {out}/x.wav", "write FROM:TO"),
    "a gap outside": ("generate {masked} --prompt {clip} --inpaint 3:4 --to {out}/x.wav", "choose one inside"),
    "a gap of nothing": ("generate {masked} --inpaint 3:4 --to {out}/x.wav", "give one (--prompt)"),
    "a gap and a length": (
        "generate {masked} --prompt {clip} --inpaint 0.1:0.3 --seconds 2 --to {out}/x.wav",
        "leave one out",
    ),
    "unknown label to fill": ("generate {masked} --label pistns --seconds 1 --to {out}/x.wav", "did you mean"),
    "a prompt of nothing": (
        "generate {lm} --prompt {clip} --prompt-seconds 0.01 --seconds 1 --to {out}/x.wav",
        "give more of it",
    ),
    "a codec for a model": ("generate {codec} --seconds 1 --to {out}/x.wav", "wanted a language model"),
    "a model for a codec": ("encode {lm} {clip} --to {out}/x.smt", "wanted a tokenizer"),
    "another codec's file": ("decode {codec} {mulaw} --to {out}/x.wav", "belong to another tokenizer"),
    "another codec's store": ("decode mulaw {tokens} --to {out}/x", "belong to another tokenizer"),
    "a WAV for a run": ("encode {clip} {clip} --to {out}/x.smt", "is a .flac file, wanted a run folder"),
    "an empty folder for a run": ("encode {empty} {clip} --to {out}/x.smt", "is an empty folder, wanted a run folder"),
    "a store for a run": ("encode {tokens} {clip} --to {out}/x.smt", "is a token store, wanted a run folder"),
    "a run that is not there": ("encode {codec}k {clip} --to {out}/x.smt", "did you mean 'codec'"),
    "no recording": ("encode {codec} --to {out}/x.smt", "give one or the other"),
    "two for one file": ("encode {codec} {clip} {clip} --to {out}/x.smt", "holds one recording"),
    "a recording that is none": ("encode {codec} {codec}/config.toml --to {out}/x.smt", "config.toml"),
    "nothing to reconstruct": ("reconstruct {codec} {codec}/config.toml --to {out}/x", "config.toml"),
    "unknown texture": ("textures --to {out}/x --clips 1 --seconds 1 --kinds rian", "did you mean 'rain'"),
    "unknown corpus": ("prepare {sounds} --to {out}/x.csv --corpus esc51", "did you mean 'esc50'"),
    "an empty folder to prepare": ("prepare {empty} --to {out}/x.csv", "holds no recordings"),
    "unknown split": ("evaluate codec {codec} --data {sounds} --split tset", "did you mean 'test'"),
    "nothing to verify": ("verify {empty}", "is an empty folder"),
    "a number that is none": ("generate {lm} --seconds ten --to {out}/x.wav", "valid number"),
}


@pytest.fixture(scope="module")
def places(journey: Journey, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("refusals")
    (folder / "empty").mkdir()
    clip = journey.sounds / "rain" / "rain-0000.flac"
    assert run(["encode", "mulaw", str(clip), "--to", str(folder / "mulaw.smt")]) == 0
    found = {name: getattr(journey, name) for name in ("sounds", "codec", "tokens", "lm", "masked")}
    found |= {"clip": clip, "empty": folder / "empty", "mulaw": folder / "mulaw.smt"}
    return {name: str(path) for name, path in found.items()}


@pytest.mark.parametrize("case", REFUSALS)
def test_wrong_input_is_refused_in_one_sentence_and_nothing_is_written(
    case: str, places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, expected = REFUSALS[case]
    code = run(command.format(out=tmp_path, **places).split())
    shown = capsys.readouterr()
    assert code == 2, shown.err
    assert shown.out == "" and expected in shown.err
    said = [line for line in shown.err.splitlines() if line and not line.startswith("how to: ")]
    assert len(said) == 1 and said[0].startswith("smalti: ")
    assert list(tmp_path.iterdir()) == []
    assert list(Path(places["empty"]).iterdir()) == []
