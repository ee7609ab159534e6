#!/usr/bin/python3
# Prints Avro container files, as python3-avro reads them, as one JSON object: {file: {"meta": {…}, "records": […]}}.
# With a codec first it also writes each of them again, as python3-avro does, to the same name and `.<codec>`.
import json
import sys

from avro.datafile import DataFileReader, DataFileWriter
from avro.io import DatumReader, DatumWriter
from avro.schema import parse


def plain(value):
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53 else (
        value if value is None or isinstance(value, (bool, int, float, str)) else str(value))


def dump(path):
    with open(path, "rb") as file, DataFileReader(file, DatumReader()) as reader:
        meta = {key: value.decode("utf-8", "replace") for key, value in reader.meta.items()}
        return {"meta": meta, "records": [plain(record) for record in reader]}


def rewrite(path, codec):
    with open(path, "rb") as file, DataFileReader(file, DatumReader()) as reader:
        schema = parse(reader.meta["avro.schema"].decode())
        with DataFileWriter(open(f"{path}.{codec}", "wb"), DatumWriter(), schema, codec=codec) as writer:
            for key, value in reader.meta.items():
                if not key.startswith("avro."):
                    writer.set_meta(key, value)
            for record in reader:
                writer.append(record)
                writer.sync()


codecs = [argument for argument in sys.argv[1:] if argument in ("null", "deflate", "snappy", "zstandard")]
files = [argument for argument in sys.argv[1:] if argument not in codecs]
for name in files:
    for wanted in codecs:
        rewrite(name, wanted)
json.dump({path: dump(path) for path in files}, sys.stdout)
