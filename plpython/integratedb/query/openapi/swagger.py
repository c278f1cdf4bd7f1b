"""Turns an OpenAPI 3.1 document into Swagger 2.0, as PostgREST's clients know it."""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import urlsplit

Document = dict[str, Any]

_REFERENCES = {
    "#/components/schemas/": "#/definitions/",
    "#/components/parameters/": "#/parameters/",
    "#/components/responses/": "#/responses/",
}


def convert(document: Document) -> Document:
    """Return a document of version 2.0 with the same paths."""
    components = document["components"]
    server = urlsplit(document["servers"][0]["url"])
    converted: Document = {
        "swagger": "2.0",
        "info": copy.deepcopy(document["info"]),
        "basePath": server.path or "/",
        "consumes": ["application/json", "application/vnd.pgrst.object+json", "text/csv"],
        "produces": ["application/json", "application/vnd.pgrst.object+json", "text/csv"],
        "paths": {
            path: {m: _operation(o) for m, o in operations.items()} for path, operations in document["paths"].items()
        },
        "definitions": {name: _schema(schema) for name, schema in components["schemas"].items()},
        "parameters": {name: _parameter(parameter) for name, parameter in components["parameters"].items()},
        "responses": {name: _response(response) for name, response in components["responses"].items()},
    }
    if server.netloc:
        converted |= {"host": server.netloc, "schemes": [server.scheme]}
    if "securitySchemes" in components:
        converted["securityDefinitions"] = {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}}
        converted["security"] = [{"token": []}]
    return converted


def _operation(operation: Document) -> Document:
    converted: Document = {
        key: operation[key]
        for key in ("tags", "summary", "description", "operationId", "deprecated")
        if key in operation
    }
    parameters = [_parameter(parameter) for parameter in operation.get("parameters", ())]
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        parameters.append(
            {"name": "body", "in": "body", "required": operation["requestBody"]["required"], "schema": _schema(schema)}
        )
    if parameters:
        converted["parameters"] = parameters
    converted["responses"] = {status: _response(response) for status, response in operation["responses"].items()}
    return converted


def _parameter(parameter: Document) -> Document:
    if "$ref" in parameter:
        return _reference(parameter)
    converted: Document = {key: parameter[key] for key in ("name", "in", "required", "description")}
    return converted | {key: value for key, value in parameter["schema"].items() if key in ("type", "enum", "minimum")}


def _response(response: Document) -> Document:
    if "$ref" in response:
        return _reference(response)
    converted: Document = {"description": response["description"]}
    schema = response.get("content", {}).get("application/json", {}).get("schema")
    return converted | ({"schema": _schema(schema)} if schema is not None else {})


def _reference(holder: Document) -> Document:
    target = holder["$ref"]
    for old, new in _REFERENCES.items():
        target = target.replace(old, new)
    return {"$ref": target}


def _schema(schema: Any) -> Any:
    """Convert a schema: version 2.0 knows neither lists of types nor ``oneOf``."""
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _reference(schema)
    if "anyOf" in schema:
        return _schema(schema["anyOf"][0])  # the other is null
    if "oneOf" in schema:
        return {"description": "One object, or an array of such objects."}
    converted: Document = {}
    for key, value in schema.items():
        if key == "properties":
            converted[key] = {name: _schema(each) for name, each in value.items()}
        elif key == "items":
            converted[key] = _schema(value)
        elif key == "type" and isinstance(value, list):
            converted[key] = value[0]
        elif key == "enum":
            converted[key] = [label for label in value if label is not None]
        elif key == "deprecated":
            converted["x-deprecated"] = value
        elif key == "x-postgres-type":
            converted["format"] = value
        elif key != "format" or "x-postgres-type" not in schema:
            converted[key] = value
    if converted.get("type") == "array" and "items" not in converted:
        converted["items"] = {}
    return converted
