"""The items of a distributed map: read from S3 or from the state's own input, selected and put into batches.

Source: AWS Step Functions developer guide, "ItemReader", "ItemSelector" and "ItemBatcher", 2026-11-21.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from infra.local.jsonata_values import QueryEvaluationError, render

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

LIST_OBJECTS: Final = "arn:aws:states:::s3:listObjectsV2"
GET_OBJECT: Final = "arn:aws:states:::s3:getObject"
PUT_OBJECT: Final = "arn:aws:states:::s3:putObject"
INPUT_TYPES: Final = ("JSONL", "JSON", "CSV")


class ItemReaderError(Exception):
    """The items cannot be read: Step Functions' States.ItemReaderFailed."""


def read_items(state: Mapping[str, Any], bindings: Mapping[str, Any], s3: "S3Client") -> list[Any]:
    """Every item of a map state, before selection.

    Raises:
        ItemReaderError: the object is missing, or is not what the reader's configuration says.
        QueryEvaluationError: an expression fails, or `Items` is no array.
    """
    reader = state.get("ItemReader")
    if reader is None:
        items = render(state.get("Items", "{% $states.input %}"), bindings)
        if not isinstance(items, list):
            msg = "Items must be an array"
            raise QueryEvaluationError(msg)
        return list(items)  # pyright: ignore[reportUnknownArgumentType]
    arguments = render(reader["Arguments"], bindings)
    most = render(reader.get("ReaderConfig", {}).get("MaxItems"), bindings)
    if reader["Resource"] == LIST_OBJECTS:
        found = list(_listed(s3, arguments))
    else:
        found = list(_parsed(_content(s3, arguments), reader["ReaderConfig"]))
    return found[:most] if most else found


def _listed(s3: "S3Client", arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=arguments["Bucket"], Prefix=arguments.get("Prefix", ""))
    for page in pages:
        for listed in page.get("Contents", []):
            yield {
                "Etag": listed.get("ETag", ""),
                "Key": listed.get("Key", ""),
                "LastModified": int(listed["LastModified"].timestamp()) if "LastModified" in listed else 0,
                "Size": listed.get("Size", 0),
                "StorageClass": listed.get("StorageClass", "STANDARD"),
            }


def _content(s3: "S3Client", arguments: Mapping[str, Any]) -> bytes:
    try:
        answer = s3.get_object(Bucket=arguments["Bucket"], Key=arguments["Key"])
    except (s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket) as error:
        msg = f"s3://{arguments['Bucket']}/{arguments['Key']} cannot be read: {error}"
        raise ItemReaderError(msg) from error
    content = answer["Body"].read()
    return gzip.decompress(content) if arguments["Key"].endswith(".gz") else content


def _parsed(content: bytes, configuration: Mapping[str, Any]) -> Iterator[Any]:
    kind = configuration["InputType"]
    try:
        text = content.decode()
        if kind == "JSONL":
            yield from (json.loads(line) for line in text.splitlines() if line.strip())
        elif kind == "JSON":
            whole = json.loads(text)
            if not isinstance(whole, list):
                msg = "a JSON item source must be an array"
                raise ItemReaderError(msg)
            yield from whole
        else:
            yield from csv.DictReader(io.StringIO(text))
    except ValueError as error:
        msg = f"the items are not {kind}: {error}"
        raise ItemReaderError(msg) from error


def inputs_of(state: Mapping[str, Any], items: Sequence[Any], bindings: Mapping[str, Any]) -> list[Any]:
    """What each child execution gets: an item as its selector shapes it, or a batch of them.

    Raises:
        QueryEvaluationError: an expression fails.
    """
    selected = [_selected(state, item, index, bindings) for index, item in enumerate(items)]
    batcher = state.get("ItemBatcher")
    if batcher is None:
        return selected
    size = int(render(batcher["MaxItemsPerBatch"], bindings))
    shared = {"BatchInput": render(batcher["BatchInput"], bindings)} if "BatchInput" in batcher else {}
    return [{**shared, "Items": selected[start : start + size]} for start in range(0, len(selected), size)]


def _selected(state: Mapping[str, Any], item: Any, index: int, bindings: Mapping[str, Any]) -> Any:
    if "ItemSelector" not in state:
        return item
    states = bindings["states"]
    context = states["context"] | {"Map": {"Item": {"Index": index, "Value": item}}}
    return render(state["ItemSelector"], {**bindings, "states": {**states, "context": context}})
