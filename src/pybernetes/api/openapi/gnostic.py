"""The messages of gnostic's `OpenAPIv2.proto` that a Kubernetes document uses, as a table.

A line per message: `number json-key type`. Types: `string`, `bool`, `int64`, `double`, `any` (YAML text in a box), a
message, each with `*` behind it where it is repeated. Key `*` stands for all keys that are not named: such an entry is
a message of its own with the key as field 1 and the value as field 2. Key `x-` holds the vendor extensions, in the
same way. The unions (`ParametersItem`, `ResponseValue`, …) are chosen in `document_v2_protobuf.py`.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

_MESSAGES = """
Document: 1 swagger string, 2 info Info, 3 host string, 4 basePath string, 5 schemes string*, 6 consumes string*, 7 produces string*, 8 paths Paths, 9 definitions Definitions, 12 security SecurityRequirement*, 13 securityDefinitions SecurityDefinitions, 15 externalDocs ExternalDocs, 16 x-
Info: 1 title string, 2 version string, 3 description string, 4 termsOfService string, 7 x-
ExternalDocs: 1 description string, 2 url string, 3 x-
SecurityRequirement: 1 * StringArray
SecurityDefinitions: 1 * SecurityDefinitionsItem
ApiKeySecurity: 1 type string, 2 name string, 3 in string, 4 description string, 5 x-
Paths: 2 * PathItem, 1 x-
PathItem: 1 $ref string, 2 get Operation, 3 put Operation, 4 post Operation, 5 delete Operation, 6 options Operation, 7 head Operation, 8 patch Operation, 9 parameters ParametersItem*, 10 x-
Operation: 1 tags string*, 2 summary string, 3 description string, 4 externalDocs ExternalDocs, 5 operationId string, 6 produces string*, 7 consumes string*, 8 parameters ParametersItem*, 9 responses Responses, 10 schemes string*, 11 deprecated bool, 12 security SecurityRequirement*, 13 x-
JsonReference: 1 $ref string, 2 description string
BodyParameter: 1 description string, 2 name string, 3 in string, 4 required bool, 5 schema Schema, 6 x-
HeaderParameterSubSchema: 1 required bool, 2 in string, 3 description string, 4 name string, 5 type string, 6 format string, 9 default any, 19 uniqueItems bool, 20 enum any*, 22 x-
QueryParameterSubSchema: 1 required bool, 2 in string, 3 description string, 4 name string, 5 allowEmptyValue bool, 6 type string, 7 format string, 10 default any, 11 maximum double, 13 minimum double, 20 uniqueItems bool, 21 enum any*, 23 x-
PathParameterSubSchema: 1 required bool, 2 in string, 3 description string, 4 name string, 5 type string, 6 format string, 9 default any, 19 uniqueItems bool, 20 enum any*, 22 x-
Responses: 1 * ResponseValue, 2 x-
Response: 1 description string, 2 schema SchemaItem, 5 x-
Definitions: 1 * Schema
Properties: 1 * Schema
Schema: 1 $ref string, 2 format string, 3 title string, 4 description string, 5 default any, 6 multipleOf double, 7 maximum double, 8 exclusiveMaximum bool, 9 minimum double, 10 exclusiveMinimum bool, 11 maxLength int64, 12 minLength int64, 13 pattern string, 14 maxItems int64, 15 minItems int64, 16 uniqueItems bool, 17 maxProperties int64, 18 minProperties int64, 19 required string*, 20 enum any*, 21 additionalProperties AdditionalPropertiesItem, 22 type TypeItem, 23 items ItemsItem, 24 allOf Schema*, 25 properties Properties, 26 discriminator string, 27 readOnly bool, 29 externalDocs ExternalDocs, 30 example any, 31 x-
"""


class Entry(NamedTuple):
    """One field of a message."""

    number: int
    key: str
    type: str
    repeated: bool


@cache
def messages() -> dict[str, tuple[Entry, ...]]:
    """Message name -> its fields in the order of their numbers."""
    return read_table(_MESSAGES)


def read_table(text: str) -> dict[str, tuple[Entry, ...]]:
    """The messages of a table."""
    found = {}
    for line in text.strip().splitlines():
        name, _, fields = line.partition(": ")
        entries = [_entry(*field.split()) for field in fields.split(", ")]
        found[name] = tuple(sorted(entries))
    return found


def _entry(number: str, key: str, type_: str = "") -> Entry:
    return Entry(int(number), key, type_.rstrip("*"), type_.endswith("*"))
