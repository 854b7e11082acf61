"""Rows S1 to S3: files that would run something, fill memory, or reach out of their folder."""

import ast
import io
import json
import os
import pickle
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import torch

from faults.damage import files_of
from faults.malformed_files import RATE, SAMPLES, wave
from faults.measuring import Growth, alone
from faults.rows import Plant, figure
from smalti.cli import run
from smalti.core import SmaltiError
from smalti.data import tables
from smalti.store import dac_files, foreign, smt, texts
from smalti.systems.importing import FORMATS
from smalti.transcode import names

_SOURCE = Path(__file__).parents[3] / "src" / "smalti"
_BARE = ("Traceback", "should not happen")
_SECONDS, _MIB = 1.0, 200
Command = Sequence[object]


class Payload:
    """What an attacker puts into a pickle: it makes a folder."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.canary,)


def hostile_files(canary: Path) -> dict[str, bytes]:
    """Files that make the canary's folder in a reader that believes them, by their names."""
    payload = Payload(canary)
    plain = pickle.dumps(payload, protocol=2)
    tag = f'!!python/object/apply:os.mkdir ["{canary}"]\n'.encode()

    def saved(write: Callable[[io.BytesIO], object]) -> bytes:
        memory = io.BytesIO()
        write(memory)
        return memory.getvalue()

    boxed = np.array(payload, dtype=object)
    torch_file = saved(lambda memory: torch.save({"weight": torch.zeros(2), "payload": payload}, memory))
    legacy = saved(lambda memory: torch.save(payload, memory, _use_new_zipfile_serialization=False))
    array = saved(lambda memory: np.save(memory, boxed, allow_pickle=True))
    return {
        "zip.pt": torch_file,
        "zip.pth": torch_file,
        "pytorch_model.bin": torch_file,
        "zip.ckpt": torch_file,
        "legacy.pt": legacy,
        "program.pt2": _archive(
            {"archive/data.pkl": plain, "archive/code/a.py": f"open({str(canary)!r}, 'w')".encode()}
        ),
        "list.pkl": plain,
        "list.bin": plain,
        "joblib.joblib": zlib.compress(plain),
        "model.safetensors": plain,
        "array.npy": array,
        "sound_mel.npy": array,
        "sound.cond.npy": array,
        "arrays.npz": saved(lambda memory: np.savez(memory, allow_pickle=True, a=boxed)),
        "codes.dac": array,
        "tokens.smt": plain,
        "sound.wav": plain,
        "table.csv": plain,
        "table.parquet": plain,
        "sheet.xlsx": _archive({"xl/workbook.xml": plain, "[Content_Types].xml": tag}),
        "args.yml": tag,
        "config.yaml": tag,
        "config.toml": tag,
        "list.json": tag,
    }


def _archive(parts: dict[str, bytes], *, packed: bool = False) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return memory.getvalue()


def commands(file: Path, sounds: Path, out: Path) -> dict[str, Command]:
    """Every command that reads a file or a folder, given this one wherever it takes one."""
    clip = next(sounds.rglob("*.flac"))
    verbs: dict[str, Command] = {
        "encode": ["mulaw", file, "--to", out / "a.smt"],
        "encode --data": ["mulaw", "--data", file, "--to", out / "a"],
        "encode RUN": [file, clip, "--to", out / "a.smt"],
        "decode": ["mulaw", file, "--to", out / "a.wav"],
        "decode RUN": [file, file, "--to", out / "a.wav"],
        "reconstruct": ["mulaw", file, "--to", out / "a"],
        "train": ["kmeans", "--data", file, "--out", out / "a"],
        "train STORE": ["synthformer/tiny", "--data", file, "--out", out / "a"],
        "train CONFIG": [file, "--data", sounds, "--out", out / "a"],
        "train load_path": [
            *("almtokenizer/stage2", "--data", sounds, "--load-path", file, "--out", out / "a"),
        ],
        "prepare": [file, "--to", out / "a.csv"],
        "generate": [file, "--seconds", 1, "--to", out / "a.wav"],
        "play": [file, "--to", out / "a.wav"],
        "interpolate": ["mulaw", file, file, "--to", out / "a"],
        "embed": ["log-mel", file, "--to", out / "a.npz"],
        "embed --data": ["log-mel", "--data", file, "--to", out / "a.npz"],
        "embed RUN": [file, clip, "--to", out / "a.npz"],
        "tag": [file, clip],
        "index": ["mulaw", file, "--to", out / "a"],
        "search": [file, clip],
        "export": [file, "--to", out / "a"],
        "show": [file],
        "verify": [file],
        "prior": ["log-mel", "--data", file, "--to", out / "a.safetensors"],
        "melodies": [file, "--to", out / "a"],
        "evaluate codec": ["mulaw", "--data", file],
        "evaluate RUN": [file, "--data", sounds],
        "evaluate vectors": ["log-mel", "--data", file],
        "evaluate retrieval": [file, "--queries", file],
        "evaluate probe": ["log-mel", "--data", file],
        "evaluate generation": [file, "--data", file],
    }
    verbs |= {f"prepare {corpus}": [file, "--corpus", corpus, "--to", out / "a.csv"] for corpus in _corpora()}
    verbs |= {f"import {one}": ["import", one, file, "--to", out / "a"][1:] for one in FORMATS}
    return {name: [*_verb(name), *words] for name, words in verbs.items()}


def _corpora() -> list[str]:
    from smalti.data.corpora import CORPORA

    return sorted(CORPORA)


def _verb(name: str) -> list[str]:
    first, _, second = name.partition(" ")
    if first == "evaluate":
        return [first, "codec" if second == "RUN" else second]
    return [first]


def prove_s1(sounds: Path, folder: Path, *, only: Sequence[str] = (), imports: int = 1) -> None:
    """Give every hostile file to every command; nothing in it may run, and no command may end in a bare error.

    Args:
        only: names of files, if not all.
        imports: formats that a PyTorch file is imported as: each opens a process of its own.
    """
    canary, out, place = folder / "canary", folder / "out", folder / "hostile"
    for made in (out, place):
        made.mkdir()
    hostile = {name: data for name, data in hostile_files(canary).items() if not only or name in only}
    count = 0
    _refused(commands(place, sounds, out))  # imports what a forked process then has
    for name, data in hostile.items():
        for path in _placed(place, name, data):
            some = commands(path, sounds, out)
            if data[:2] in (b"PK", b"\x80\x02") or path.is_dir():
                left = [f"import {one}" for one in FORMATS[imports:]]
                some = {key: command for key, command in some.items() if key not in left}
            wrong = alone(lambda some=some: _refused(some), folder / "process")
            assert not wrong, f"{path.name}: {wrong}"
            assert not canary.exists(), f"{path} has run"
            count += len(some)
    assert files_of(out) == {}, f"written: {[*files_of(out)]}"
    figure("S1", f"{len(hostile)} files, {count} commands: 0 payloads ran, 0 bare errors")


def _placed(place: Path, name: str, data: bytes) -> list[Path]:
    """The file alone, and for weights as part of a run, which is a folder."""
    path = place / name
    path.write_bytes(data)
    if not name.endswith((".bin", ".safetensors")):
        return [path]
    run_folder = place / f"run-{name}"
    run_folder.mkdir()
    for part in ("weights.safetensors", "pytorch_model.bin", "codes.safetensors", "index.json", "state.json"):
        (run_folder / part).write_bytes(data)
    (run_folder / "config.toml").write_text('system = "kmeans"\n')
    return [path, run_folder]


def _refused(some: dict[str, Command]) -> list[str]:
    wrong = []
    for name, command in some.items():
        said = io.StringIO()
        with redirect_stderr(said), redirect_stdout(io.StringIO()):
            code = run([str(word) for word in command])
        if any(word in said.getvalue() for word in _BARE):
            wrong.append(f"{name}: exit {code}, said {said.getvalue()!r}")
    return wrong


def prove_s1_source() -> None:
    """No call in the source could run what a file holds."""
    found = [
        f"{path.name}: {call}" for path in sorted(_SOURCE.rglob("*.py")) for call in doors(path.read_text("utf-8"))
    ]
    assert not found, found
    figure("S1", f"{len([*_SOURCE.rglob('*.py')])} source files without a door")


def doors(source: str) -> list[str]:
    """Calls and imports in a source by which a file's content could be run, with their lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"{one} at line {node.lineno}" for one in modules if one.split(".")[0] in _PICKLES]
        if isinstance(node, ast.Call):
            called, keywords = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
            safe = called not in _CALLS
            safe &= all(keywords.get(word, "False") == "False" for word in ("allow_pickle", "shell"))
            safe &= called != "torch.load" or keywords.get("weights_only") == "True"
            found += [] if safe else [f"{called} at line {node.lineno}"]
    return found


_PICKLES = frozenset(("pickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"))
_CALLS = frozenset(
    ("eval", "exec", "compile", "__import__", "yaml.load", "os.system", "torch.save", "builtins.eval", "builtins.exec")
)


def prove_s1_doors_are_seen() -> None:
    """The scan finds each kind of door."""
    for source in (
        "import pickle",
        "from joblib import load",
        "eval('1')",
        "exec('1')",
        "yaml.load(a)",
        "np.load(a, allow_pickle=True)",
        "torch.load(a)",
        "torch.load(a, weights_only=False)",
        "subprocess.run(a, shell=True)",
        "os.system('a')",
    ):
        assert doors(source), source


def bombs() -> dict[str, Callable[[], bytes]]:
    """What makes small files that claim, or become, gigabytes, by their names."""
    header = b'{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}'
    long = wave(claimed=2**32 - 16)[:44]  # nothing follows
    huge = {"descr": "<f8", "fortran_order": False, "shape": (80, 1 << 24)}
    memory = io.BytesIO()
    np.lib.format.write_array_header_1_0(memory, huge)
    return {
        "header.safetensors": lambda: struct.pack("<Q", 4 << 30) + b"{" + bytes(100),
        "tensor.safetensors": lambda: struct.pack("<Q", len(header)) + header + bytes(8),
        "arrays.npz": lambda: _archive({"a.npy": bytes(200_000_000)}, packed=True),
        "unpacked.pt": lambda: _archive(
            {"archive/data.pkl": b"\x80\x02}.", "archive/data/0": bytes(200_000_000)}, packed=True
        ),
        "sheet.xlsx": lambda: _archive(
            {"xl/worksheets/sheet1.xml": b"<worksheet>" + b" " * 200_000_000, "xl/workbook.xml": b"<workbook/>"},
            packed=True,
        ),
        "cells.xlsx": _wide_sheet,
        "settings.yaml": lambda: b"a: b\n" * 10_000_000,
        "settings.toml": lambda: b"a = 1 # b\n" * 5_000_000,
        "nested.toml": lambda: b"a = " + b"[" * 1_000_000,
        "nested.json": lambda: b"[" * 10_000_000,
        "long.json": lambda: b"[" + b'"a",' * 12_000_000 + b'"a"]',
        "claims.wav": lambda: long,
        "claims.flac": lambda: (
            b"fLaC\0\0\0\x22" + bytes(10) + b"\x03\xe8\x00\xff\xff\xff\xff\xff" + bytes(16) + b"\x04\xff\xff\xff"
        ),
        "a_mel.npy": lambda: memory.getvalue() + bytes(80),
        "a.npy": lambda: memory.getvalue() + bytes(80),
        "codes.dac": lambda: b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(100),
        "tokens.smt": lambda: smt.MAGIC + struct.pack("<I", 2**32 - 1) + bytes(100),
        "table.parquet": _packed_table,
    }


def _wide_sheet() -> bytes:
    """A sheet that says it has all the cells there can be, one of which there is."""
    book, name = "http://schemas.openxmlformats.org", "spreadsheetml/2006/main"
    relations = f"{book}/officeDocument/2006/relationships"
    pack = f"{book}/package/2006"
    row = "<row r='1'><c r='A1' t='inlineStr'><is><t>Full File Name</t></is></c></row>"
    rows = f"{row}<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f"<Types xmlns='{pack}/content-types'><Override PartName='/xl/workbook.xml' ContentType="
        f"'{kind}.sheet.main+xml'/><Override PartName='/xl/worksheets/sheet1.xml' ContentType='{kind}.worksheet+xml'/>"
        "</Types>",
        "_rels/.rels": f"<Relationships xmlns='{pack}/relationships'><Relationship Id='r1' Type="
        f"'{relations}/officeDocument' Target='xl/workbook.xml'/></Relationships>",
        "xl/workbook.xml": f"<workbook xmlns='{book}/{name}' xmlns:r='{relations}'><sheets><sheet name='a' sheetId='1' "
        "r:id='r1'/></sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships xmlns='{pack}/relationships'><Relationship Id='r1' Type="
        f"'{relations}/worksheet' Target='worksheets/sheet1.xml'/></Relationships>",
        "xl/worksheets/sheet1.xml": f"<worksheet xmlns='{book}/{name}'><dimension ref='A1:XFD1048576'/><sheetData>"
        f"{rows}</sheetData></worksheet>",
    }
    return _archive({name: text.encode() for name, text in parts.items()})


def _packed_table() -> bytes:
    """A table of two hundred megabytes in a few kilobytes."""
    memory = io.BytesIO()
    text = pa.array(["a" * 1000] * 200_000)
    pq.write_table(pa.table({"path": text}), memory, compression="zstd", use_dictionary=False)
    return memory.getvalue()


READERS = {
    ".safetensors": ["import vocos"],
    ".npz": ["prepare", "import vocos"],
    ".pt": ["import vocos"],
    ".xlsx": ["prepare syntex"],
    ".yaml": ["import vocos", "train CONFIG", "prepare wav2tok"],
    ".toml": ["train CONFIG"],
    ".json": ["prepare wav2tok"],
    ".wav": ["encode", "index"],
    ".flac": ["encode", "index"],
    ".npy": ["prepare", "prepare fairseq"],
    ".dac": ["decode", "verify"],
    ".smt": ["decode", "verify"],
    ".parquet": ["encode --data"],
}
"""Which commands read a kind of file."""


def prove_s2(sounds: Path, folder: Path, *, only: Sequence[str] = ()) -> None:
    """Give each bomb to the commands that read its kind; each is refused at once in little memory."""
    place, out = folder / "bombs", folder / "out"
    place.mkdir()
    slowest, most, count = 0.0, 0.0, 0
    for name, made in bombs().items():
        if only and name not in only:
            continue
        path = place / name / name
        path.parent.mkdir()
        path.write_bytes(made())
        every = commands(path.parent if path.suffix == ".npy" else path, sounds, out)
        _refused(
            {reader: commands(place, sounds, out)[reader] for reader in READERS[path.suffix]}
        )  # to import its code
        for reader in READERS[path.suffix]:
            found = alone(lambda command=every[reader]: _defused(command), folder / "process")
            where = f"{reader} of {name}: {found}"
            assert found["code"] in (1, 2) and not any(word in found["said"] for word in _BARE), where
            assert found["seconds"] <= _SECONDS and found["mib"] <= _MIB, where
            slowest, most = max(slowest, found["seconds"]), max(most, found["mib"])
            count += 1
    figure("S2", f"{count} of {count} refused, {slowest:.1f} s of a core and {most:.0f} MiB at most")


def _defused(command: Command) -> dict[str, Any]:
    said = io.StringIO()
    words = [str(word) for word in command]
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        growth, began = Growth(), time.process_time()
        code = run(words)
    return {"code": code, "said": said.getvalue(), "seconds": time.process_time() - began, "mib": growth.mib}


HOSTILE_NAMES = (
    *("../outside", "../../outside", "a/../../outside", "./../outside", "a/../../../outside"),
    *("..", "../", "a/..", "a/../..", "a\0b", "\0", "../a\0b"),
    *("..\\outside", "C:\\outside", "C:outside", "\\\\server\\outside", "//server/outside"),
    *("a" * 300, "a/" * 2500 + "a", "/dev/zero", "/proc/self/mem"),
)
"""Names that want to lead out of a folder, or to what is no file."""


def prove_s3(folder: Path, *, hostile: Sequence[str] = HOSTILE_NAMES) -> None:
    """Hostile names in manifests, lists, stores and archives lead nowhere outside."""
    root, secret = folder / "root", folder / "outside.wav"
    root.mkdir()
    soundfile.write(secret, SAMPLES, RATE)
    before = files_of(folder)
    count = 0
    for name in hostile:
        _reads_nothing(root, f"{name}.wav", secret)
        count += 3
        _writes_inside(root, name)
        _unpacks_nothing(root, name)
        count += 2
    _links_and_devices(root, secret)
    kept = {name: data for name, data in files_of(folder).items() if not name.startswith("root/")}
    assert kept == before, f"changed outside: {kept.keys() ^ before.keys()}"
    figure("S3", f"{count + 4} names: 0 read and 0 written outside")


def _reads_nothing(root: Path, name: str, secret: Path) -> None:
    """A manifest as a table, a list as JSON, and a sheet, each of one name."""
    manifest = root / "manifest.parquet"
    seconds = len(SAMPLES) / RATE
    facts = {"path": [name], "seconds": [seconds], "sample_rate": [RATE], "channels": [1]}
    pq.write_table(pa.table(facts), manifest)
    (root / "list.json").write_text(json.dumps([name]))
    (root / "sheet.csv").write_text(f"Full File Name,Class Name\n{json.dumps(name)},a\n", errors="replace")
    out = root / "out"
    seen: list[Path] = []
    for command in (
        ["encode", "mulaw", "--data", manifest, "--to", out / "store"],
        ["prepare", root / "list.json", "--corpus", "wav2tok", "--to", out / "a.csv"],
        ["prepare", root / "sheet.csv", "--corpus", "syntex", "--to", out / "b.csv"],
    ):
        with _opened(seen):
            code, said = _said(command)
        where = f"{command[:3]} of {name[:40]!r}: exit {code}, said {said[:300]!r}"
        assert code != 0 and not any(word in said for word in _BARE), where
        assert secret.resolve() not in [path.resolve() for path in seen], f"{where}: read"


class _opened:
    """Notes which recordings are opened."""

    def __init__(self, seen: list[Path]) -> None:
        from smalti.audio import reading

        real = reading._open

        def noted(path: Path) -> Any:
            opened = real(path)
            seen.append(path)
            return opened

        self._patch = mock.patch.object(reading, "_open", noted)

    def __enter__(self) -> None:
        self._patch.start()

    def __exit__(self, *error: object) -> None:
        self._patch.stop()


def _said(command: Command) -> tuple[int, str]:
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        code = run([str(word) for word in command])
    return code, said.getvalue()


def _writes_inside(root: Path, name: str) -> None:
    """Where a store's clip of this name would be decoded to."""
    target = root / "decoded"
    for path in names.wav_paths(target, [name]):
        inside = Path(os.path.normpath(path))
        assert inside.is_relative_to(target) and inside != target, f"{name!r} is written to {path}"
    both = ["a/b.wav", name]
    assert all(Path(os.path.normpath(path)).is_relative_to(target) for path in names.wav_paths(target, both))


def _unpacks_nothing(root: Path, name: str) -> None:
    """A PyTorch archive with a member of this name."""
    path = root / "archive.pt"
    path.write_bytes(_archive({f"{name}/member".replace("\0", "0"): b"outside", "archive/readme": b"hello"}))
    try:
        foreign.read_foreign_weights(path)
    except SmaltiError:
        return
    raise AssertionError(f"an archive with {name!r} is read")


def _links_and_devices(root: Path, secret: Path) -> None:
    """Names that are links out or devices; and two that differ in case only, written to one folder."""
    corpus = root / "corpus"
    corpus.mkdir()
    (corpus / "folder").symlink_to(secret.parent, target_is_directory=True)
    os.mkfifo(corpus / "pipe.wav")
    code, said = _said(["prepare", corpus, "--to", root / "c.csv"])
    assert code != 0 and not any(word in said for word in _BARE), f"exit {code}, said {said!r}"
    assert not (root / "c.csv").exists(), (root / "c.csv").read_text()
    for device in ("/dev/zero", "/dev/stdin"):
        code, said = _said(["encode", "mulaw", device, "--to", root / "d.smt"])
        assert code == 2 and "device or pipe" in said, f"{device}: exit {code}, said {said!r}"
    try:
        names.wav_paths(root / "decoded", ["x/Rain.wav", "x/rain.wav"])
    except SmaltiError:
        pass
    else:
        raise AssertionError("two names that differ in case only are written to one folder")


def _sounds(folder: Path) -> Path:
    """A few recordings."""
    place = folder / "sounds" / "a"
    place.mkdir(parents=True)
    for number in range(2):
        soundfile.write(place / f"{number}.flac", SAMPLES[: RATE // 2], RATE)
    return folder / "sounds"


_UNGUARDED = "import sys, torch; torch.load(sys.argv[1], weights_only=False)"

PLANTS = [
    Plant(
        "S1",
        "reading weights only",
        lambda monkeypatch: monkeypatch.setattr(foreign, "_CHILD", _UNGUARDED),
        lambda folder: prove_s1(_sounds(folder), folder, only=["legacy.pt"]),
        slow=True,
    ),
    Plant(
        "S1",
        "walking a pickle without running it",
        lambda monkeypatch: monkeypatch.setattr(dac_files, "read_inert", pickle.loads),
        lambda folder: prove_s1(_sounds(folder), folder, only=["codes.dac"]),
        slow=True,
    ),
    Plant(
        "S2",
        "the longest text",
        lambda monkeypatch: monkeypatch.setattr(texts, "_MOST_BYTES", 1 << 28),
        lambda folder: prove_s2(_sounds(folder), folder, only=["long.json"]),
        slow=True,
    ),
    Plant(
        "S3",
        "refusing paths that climb",
        lambda monkeypatch: monkeypatch.setattr(tables, "_refuse_paths", lambda paths: None),
        lambda folder: prove_s3(folder, hostile=["../outside"]),
    ),
    Plant(
        "S3",
        "dropping what climbs from names of results",
        lambda monkeypatch: monkeypatch.setattr(names, "_inside", lambda path: path.parts),
        lambda folder: prove_s3(folder, hostile=["a/../../outside"]),
    ),
]
