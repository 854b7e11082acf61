"""What the journeys say works: every command, at the smallest size, and every key of their argument tables."""

import re
from pathlib import Path

import pytest

from journey import (
    TINY_ALM,
    TINY_ALM_STAGE1,
    TINY_ALM_STAGE2,
    TINY_CODEC,
    TINY_FRAMES,
    TINY_GRID_CODEC,
    TINY_KMEANS,
    TINY_LM,
    TINY_MASKED,
    TINY_MATPAC,
    TINY_VAE,
    TINY_VOCODER,
    TINY_WAV2TOK,
)
from pages import blocks, commands
from smalti.cli import run
from smalti.config.suggest import keys
from smalti.data.textures import textures
from smalti.systems import SYSTEMS
from smalti.systems.registry import presets

JOURNEYS = Path(__file__).parents[2] / "journeys"
SMALLER = {
    "--seconds 4": "--seconds 0.8",
    "--seconds 5": "--seconds 0.8",
    "--seconds 10": "--seconds 0.8",
    "--clips 630": "--clips 5",
    "--passes 12": "--passes 3",
    "--vocab 2048": "--vocab 11",
    "--hold-out 0.2": "--hold-out 0.4",
}
SETTINGS = {
    "melvqvae/textures": TINY_CODEC,
    "melvqvae/tiny": TINY_GRID_CODEC,
    "melgpt/tiny": TINY_LM,
    "synthformer/tiny": TINY_LM,
    "melformer/tiny": TINY_FRAMES,
    "melgpt/masked": TINY_MASKED,
    "melgpt/vae": TINY_VAE,
    "melgpt/vae-stage1": TINY_VAE,
    "vocoder/tiny": TINY_VOCODER,
    "matpac/micro": TINY_MATPAC,
    "kmeans": TINY_KMEANS,
    "wav2tok/digits": TINY_WAV2TOK,
    "wav2tok/speech": TINY_WAV2TOK,
    "almtokenizer/tiny": TINY_ALM,
    "almtokenizer/stage1": TINY_ALM_STAGE1,
    "almtokenizer/stage2": TINY_ALM_STAGE2,
}
PUBLISHED = {"melvq", "almtokenizer", "wav2tok", "matpac"}  # pages that account for the arguments of a published system
VERBS = Path(__file__).parents[2] / "src" / "smalti" / "cli"


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder with a sub-folder per class, as people have it."""
    textures(tmp_path / "rendered", clips=6, seconds=0.8, kinds=["pistons", "rain"], sample_rate=22_050)
    for kind in ("pistons", "rain"):
        for name, path in zip("abcdef", sorted((tmp_path / "rendered").glob(f"{kind}/*.flac")), strict=True):
            target = tmp_path / "recordings" / kind / f"{name}.flac"
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    for split, names in (("train", "abcd"), ("valid", "ef")):
        rows = [f"recordings/pistons/{name}.flac,Pistons,{ord(name) % 3}" for name in names]
        (tmp_path / f"sheet-{split}.csv").write_text("\n".join(["Full File Name,Class Name,rate_exp", *rows]) + "\n")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(JOURNEYS.glob("*.md")), ids=lambda page: page.stem)
def test_every_command_of_a_journey_works(page: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recordings)
    lines = [line for block in blocks(page, "bash") for line in commands(block, smaller=SMALLER, settings=SETTINGS)]
    assert len(lines) > (15 if page.stem in PUBLISHED else 10)
    for line in lines:
        if line[:2] == ["evaluate", "generation"]:
            line += ["--seconds", "0.5", "--clips", "2", "--null-clips", "3"]
        assert run(line) == 0, line
    for code in blocks(page, "python"):
        exec(compile(code, page.name, "exec"), {})


@pytest.mark.parametrize("page", sorted(JOURNEYS.glob("*.md")), ids=lambda page: page.stem)
def test_every_key_of_the_argument_tables_exists(page: Path) -> None:
    settings = [system.learning.settings() for system in SYSTEMS.values() if system.learning]
    known = {key for one in settings for key in keys(one)}
    options = "\n".join(path.read_text("utf-8") for path in VERBS.glob("*.py")).replace("_", "-")
    rows = re.findall(r"^\| (`[^|]*`) \| (`[^|]*`) \|", page.read_text("utf-8"), re.MULTILINE)
    named = [name for _, ours in rows for name in re.findall(r"`([^`]+)`", ours)]
    assert len(named) > 40 or page.stem not in PUBLISHED
    for name in named:
        if name.startswith("--"):
            assert f'"{name}"' in options or re.search(rf"\b{name[2:]}: ", options), name
        elif name.startswith("smalti "):
            verb = name.split()[1]  # `import` lives in importing.py, as Python knows the word
            assert any((VERBS / f"{file}.py").exists() for file in (verb, f"{verb}ing")), name
        else:
            assert name in known, name


def test_every_published_key_of_the_query_codec_has_its_row() -> None:
    """Those of its config.yaml, and those that only its README names."""
    nets = {
        "model.encoder_args": "embed_dim n_heads n_layers dim_feedforward sliding_window_size",
        "model.decoder_args": "embed_dim n_heads n_layers dim_feedforward sliding_window_size",
        "model.mae_args": "embed_dim n_heads n_layers dim_feedforward sliding_window_size",
        "model.patchify_args": "requires_grad device",
        "model.unpatchify_args": "requires_grad device",
        "model.base_args": "n_heads n_layers",
        "model": "from_raw_audio window_size",
        "discriminator": "hop_lengths n_fft win_lengths filters filters_scale max_filters dilations n_mels",
        "dataloader": "dataset_path batch_size train_subset_size test_subset_size num_workers nsecs shuffle",
        "training": "num_epochs discriminator_train_freq d_train_prob checkpoint_freq eval_freq start_checkpoint "
        "writer_dir checkpoint_dir lr_generator weight_decay lr_discriminator betas",
        "training.lambdas": "L_time L_freq L_adv L_feat L_mae",
    }
    wanted = {"device", *(f"{table}.{key}" for table, keys in nets.items() for key in keys.split())}
    rows = re.findall(r"^\| (`[^|]*`) \|", (JOURNEYS / "almtokenizer.md").read_text("utf-8"), re.MULTILINE)
    assert wanted <= {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_published_key_of_the_textures_has_its_row() -> None:
    """Those of all five of its settings files."""
    names = (
        "experiment TransformerClass cond_params ftype vocab_size input_type num_tokens model_size tblock_input_size "
        "Ti Tt batch_size num_layers num_heads forward_expansion dropout_rate learning_rate use_adaLN num_epochs "
        "ErrorLogRate checkpoint_interval data_dir data_frames validator_data_dir validator_data_frames"
    )
    rows = re.findall(r"^\| (`[^|]*`) \|", (JOURNEYS / "textures.md").read_text("utf-8"), re.MULTILINE)
    assert set(names.split()) <= {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


@pytest.mark.parametrize("page", sorted(JOURNEYS.glob("*.md")), ids=lambda page: page.stem)
def test_every_preset_that_a_journey_names_exists(page: Path) -> None:
    named = re.findall(r"`((?:\w+)/[\w-]+)`", page.read_text("utf-8"))
    known = presets()
    assert named and {name for name in named if name.split("/")[0] in SYSTEMS} <= set(known)
