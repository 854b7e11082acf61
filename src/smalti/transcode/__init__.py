"""Floor 3, transcode: recordings ↔ tokens through any codec, one file in flat memory or many clips in a store."""

from smalti.transcode.bridge import MagnitudeBridge
from smalti.transcode.dac_files import UNNAMED, ChunkCodec, DacReport, decode_dac, encode_dac
from smalti.transcode.files import decode_file, encode_file, write_decoded
from smalti.transcode.pictures import PictureTokenizer, published_geometry
from smalti.transcode.reconstruct import Reconstruction, ReconstructReport, reconstruct
from smalti.transcode.reports import TranscodeReport
from smalti.transcode.stores import copy_run, copy_tokenizer, decode_store, encode_store
from smalti.transcode.streams import decoder_stream

__all__ = [
    "UNNAMED",
    "ChunkCodec",
    "DacReport",
    "MagnitudeBridge",
    "PictureTokenizer",
    "ReconstructReport",
    "Reconstruction",
    "TranscodeReport",
    "copy_run",
    "copy_tokenizer",
    "decode_dac",
    "decode_file",
    "decode_store",
    "decoder_stream",
    "encode_dac",
    "encode_file",
    "encode_store",
    "published_geometry",
    "reconstruct",
    "write_decoded",
]
