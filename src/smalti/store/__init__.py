"""What smalti keeps on disk: atomic files, weights, checkpoints, token stores and token files, all with checksums."""

from smalti.store.atomic import clean_temps, refusal, replace_file, replace_folder, write_bytes
from smalti.store.checkpoint import Checkpoint, load_checkpoint, load_latest, save_checkpoint, save_latest
from smalti.store.checksums import sha256
from smalti.store.dac_files import DacFile, dac_bytes, read_dac, write_dac
from smalti.store.fitting import fill, refuse_non_finite
from smalti.store.foreign import read_foreign_weights
from smalti.store.lock import lock
from smalti.store.parts import Parts, unfinished
from smalti.store.shards import StoreReport, TokenStore, write_store
from smalti.store.signed import read_signed, signed_json
from smalti.store.smt import SmtReader, SmtWriter, read_smt, write_smt
from smalti.store.texts import read_json, read_text
from smalti.store.verify import verify
from smalti.store.weights import LiveFingerprint, Weights, fingerprint, load_weights, save_weights

__all__ = [
    "Checkpoint",
    "DacFile",
    "LiveFingerprint",
    "Parts",
    "SmtReader",
    "SmtWriter",
    "StoreReport",
    "TokenStore",
    "Weights",
    "clean_temps",
    "dac_bytes",
    "fill",
    "fingerprint",
    "load_checkpoint",
    "load_latest",
    "load_weights",
    "lock",
    "read_dac",
    "read_foreign_weights",
    "read_json",
    "read_signed",
    "read_smt",
    "read_text",
    "refusal",
    "refuse_non_finite",
    "replace_file",
    "replace_folder",
    "save_checkpoint",
    "save_latest",
    "save_weights",
    "sha256",
    "signed_json",
    "unfinished",
    "verify",
    "write_bytes",
    "write_dac",
    "write_smt",
    "write_store",
]
