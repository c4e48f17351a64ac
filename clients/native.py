"""Writes the part of docs/openapi.json that the clients have: the native API. Callers of other systems have their clients."""

import json
import sys

OTHER_APIS = {"GPTBots", "Sim", "Sim v2", "AI-Flow", "OpenAI", "MCP", "A2A"}
REFERENCE = "#/components/schemas/"


def names(value):
    """The named schemas that the value refers to."""
    if isinstance(value, dict):
        reference = value.get("$ref", "")
        if reference.startswith(REFERENCE):
            yield reference.removeprefix(REFERENCE)
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from names(part)


def fit_bodies(document):
    """What is sent as it is, such as a workflow in YAML, is a file to the generator for Python: text it would not send. A form
    carries the same bytes as a plain body, and it would take one for the other."""
    for item in document["paths"].values():
        for operation in item.values():
            contents = operation.get("requestBody", {}).get("content", {})
            contents.pop("multipart/form-data", None)
            for media_type in contents:
                if media_type.endswith(("yaml", "jsonl", "octet-stream")):
                    contents[media_type]["schema"] = {"type": "string", "format": "binary"}


def rename(document, name, new):
    """The generator for Python has a `File` of its own."""
    text = json.dumps(document).replace(f'"{REFERENCE}{name}"', f'"{REFERENCE}{new}"')
    document = json.loads(text)
    document["components"]["schemas"][new] = document["components"]["schemas"].pop(name)
    return document


def native(document):
    def operations(path):
        return {method: it for method, it in path.items() if it["tags"][0] not in OTHER_APIS}

    paths = {path: operations(item) for path, item in document["paths"].items()}
    document["paths"] = {path: item for path, item in paths.items() if item}
    fit_bodies(document)
    # They are sent by the server.
    del document["webhooks"]
    schemas, needed, todo = document["components"]["schemas"], set(), list(names(document["paths"]))
    # Frames of streams are named in descriptions alone.
    descriptions = json.dumps(document["paths"])
    todo += [name for name in schemas if f"`{name}`" in descriptions]
    while todo:
        name = todo.pop()
        if name not in needed:
            needed.add(name)
            todo += names(schemas[name])
    document["components"]["schemas"] = {name: it for name, it in schemas.items() if name in needed}
    return rename(document, "File", "StoredFile")


with open(sys.argv[1]) as file:
    json.dump(native(json.load(file)), sys.stdout)
