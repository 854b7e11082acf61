"""Group B of the reliability contract: whatever is given, it is understood, or refused by name."""

import csv

import pytest

from faults.malformed_files import SHARED
from faults.proofs import recordings, silence, words


@pytest.fixture(scope="module")
def codecs():
    from smalti.systems.registry import load_codec

    return {"mulaw": load_codec("mulaw")}


@pytest.fixture(scope="module")
def learnt(journey):
    """Every codec there is."""
    from smalti.systems.registry import load_codec

    names = ("codec", "grid_codec", "alm", "alm_stage2", "dac")
    return {name: load_codec(getattr(journey, name)) for name in names}


@pytest.mark.faults
@pytest.mark.row("B1")
def test_every_broken_file_is_read_or_refused_as_it_must_be(tmp_path):
    recordings.prove_b1(recordings.own_cases(tmp_path / "files"), tmp_path)


@pytest.mark.faults
@pytest.mark.shared
@pytest.mark.row("B1")
@pytest.mark.skipif(not SHARED.exists(), reason="the recordings beside the repository are not here")
def test_every_malformed_recording_behaves_as_its_table_says(tmp_path):
    with (SHARED / "manifest.csv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) >= 133
    recordings.prove_b1(recordings.listed_cases(SHARED, rows), tmp_path)


@pytest.mark.row("B2")
@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.faults)])
def test_any_mutation_is_read_or_refused(tmp_path, count):
    recordings.prove_b2(tmp_path, count=count)


@pytest.mark.row("B3")
def test_every_rate_and_number_of_channels_keeps_its_length(codecs, tmp_path):
    recordings.prove_b3(codecs, tmp_path)


@pytest.mark.faults
@pytest.mark.row("B3")
def test_every_rate_and_number_of_channels_keeps_its_length_in_every_codec(learnt, tmp_path):
    recordings.prove_b3(learnt, tmp_path, rates=[8_000, 44_100, 192_000])


@pytest.mark.row("B4")
def test_what_is_hardly_sound_becomes_finite_or_is_refused(codecs, tmp_path):
    recordings.prove_b4(codecs, tmp_path)


@pytest.mark.faults
@pytest.mark.row("B4")
def test_what_is_hardly_sound_becomes_finite_or_is_refused_by_every_codec(learnt, tmp_path):
    recordings.prove_b4(learnt, tmp_path)


@pytest.fixture(scope="module")
def restless(tmp_path_factory):
    """Sounds without any pause."""
    folder = tmp_path_factory.mktemp("restless")
    return folder, silence.restless(folder)


@pytest.mark.row("B4")
def test_silence_stays_silent(codecs, restless, tmp_path):
    silence.prove_silence("mulaw", codecs["mulaw"], restless[1].split("test").paths(), tmp_path)


@pytest.mark.faults
@pytest.mark.row("B4")
@pytest.mark.parametrize("name", silence.LEARNERS)
def test_silence_stays_silent_in_every_codec_that_has_learnt_sounds_without_pauses(name, restless, tmp_path):
    folder, manifest = restless
    codec = silence.learnt_codec(name, folder, tmp_path / "run")
    silence.prove_silence(name, codec, manifest.split("test").paths(), tmp_path)


@pytest.mark.row("B5")
def test_every_slip_in_settings_is_told_with_its_line(tmp_path):
    words.prove_b5(tmp_path)


@pytest.mark.row("B6")
def test_codes_that_cannot_be_never_reach_a_codec(codecs):
    words.prove_b6_codes(codecs["mulaw"])


@pytest.mark.faults
@pytest.mark.row("B6")
@pytest.mark.parametrize("name", ["codec", "grid_codec", "alm", "alm_stage2", "dac"])
def test_codes_that_cannot_be_never_reach_any_codec(learnt, name):
    words.prove_b6_codes(learnt[name])


@pytest.mark.row("B6")
def test_codes_of_another_kind_are_no_tokens():
    words.prove_b6_floats()


@pytest.mark.faults
@pytest.mark.row("B6")
def test_what_cannot_be_decoded_or_asked_is_refused_before_a_net_runs(learnt, journey, tmp_path):
    dac, out = learnt["dac"], ["--to", tmp_path / "out.wav"]
    told = {
        "another tokenizer": ["another tokenizer", "ffff", dac.spec.tokenizer[:8]],
        "code beyond": [str(dac.spec.vocab)],
        "levels": [str(2 * dac.spec.codebooks)],
    }
    files = words.hostile_tokens(dac, tmp_path)
    cases = {name: (["decode", journey.dac, files[name], *out], wanted) for name, wanted in told.items()}
    asked = ["generate", journey.lm, "--seconds", "1", *out]
    cases["an unknown label"] = ([*asked, "--label", "pistonz"], ["pistonz", "did you mean 'pistons'"])
    cases["a value out of range"] = ([*asked, "--label", "pistons", "--set", "rate=999"], ["rate=999", "outside"])
    cases["an unknown parameter"] = ([*asked, "--label", "pistons", "--set", "rat=2"], ["rat", "did you mean 'rate'"])
    words.prove_b6_commands(cases)
