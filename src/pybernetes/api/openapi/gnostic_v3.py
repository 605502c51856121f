"""The messages of gnostic's `OpenAPIv3.proto` that a Kubernetes document uses, as a table (`gnostic.py` says how to read
it). The unions (`SchemaOrReference`, `DefaultType`, …) are chosen in `document_v3_protobuf.py`."""

from __future__ import annotations

from functools import cache

from .gnostic import Entry, read_table

_MESSAGES = """
Document: 1 openapi string, 2 info Info, 4 paths Paths, 5 components Components, 6 security SecurityRequirement*, 8 externalDocs ExternalDocs, 9 x-
Info: 1 title string, 2 description string, 3 termsOfService string, 6 version string, 7 x-, 8 summary string
ExternalDocs: 1 description string, 2 url string, 3 x-
Components: 1 schemas SchemasOrReferences, 2 responses ResponsesOrReferences, 3 parameters ParametersOrReferences, 7 securitySchemes SecuritySchemesOrReferences, 10 x-
SchemasOrReferences: 1 * SchemaOrReference
ResponsesOrReferences: 1 * ResponseOrReference
ParametersOrReferences: 1 * ParameterOrReference
SecuritySchemesOrReferences: 1 * SecuritySchemeOrReference
SecurityScheme: 1 type string, 2 description string, 3 name string, 4 in string, 5 scheme string, 6 bearerFormat string, 8 openIdConnectUrl string, 9 x-
SecurityRequirement: 1 * StringArray
Paths: 1 * PathItem, 2 x-
PathItem: 1 $ref string, 2 summary string, 3 description string, 4 get Operation, 5 put Operation, 6 post Operation, 7 delete Operation, 8 options Operation, 9 head Operation, 10 patch Operation, 11 trace Operation, 13 parameters ParameterOrReference*, 14 x-
Operation: 1 tags string*, 2 summary string, 3 description string, 4 externalDocs ExternalDocs, 5 operationId string, 6 parameters ParameterOrReference*, 7 requestBody RequestBodyOrReference, 8 responses Responses, 10 deprecated bool, 11 security SecurityRequirement*, 13 x-
Parameter: 1 name string, 2 in string, 3 description string, 4 required bool, 5 deprecated bool, 6 allowEmptyValue bool, 7 style string, 8 explode bool, 9 allowReserved bool, 10 schema SchemaOrReference, 11 example any, 13 content MediaTypes, 14 x-
RequestBody: 1 description string, 2 content MediaTypes, 3 required bool, 4 x-
MediaTypes: 1 * MediaType
MediaType: 1 schema SchemaOrReference, 2 example any, 5 x-
Responses: 1 default ResponseOrReference, 2 * ResponseOrReference, 3 x-
Response: 1 description string, 3 content MediaTypes, 5 x-
Reference: 1 $ref string, 2 summary string, 3 description string
Properties: 1 * SchemaOrReference
Schema: 1 nullable bool, 3 readOnly bool, 4 writeOnly bool, 6 externalDocs ExternalDocs, 7 example any, 8 deprecated bool, 9 title string, 10 multipleOf double, 11 maximum double, 12 exclusiveMaximum bool, 13 minimum double, 14 exclusiveMinimum bool, 15 maxLength int64, 16 minLength int64, 17 pattern string, 18 maxItems int64, 19 minItems int64, 20 uniqueItems bool, 21 maxProperties int64, 22 minProperties int64, 23 required string*, 24 enum any*, 25 type string, 26 allOf SchemaOrReference*, 27 oneOf SchemaOrReference*, 28 anyOf SchemaOrReference*, 29 not Schema, 30 items ItemsItem, 31 properties Properties, 32 additionalProperties AdditionalPropertiesItem, 33 default DefaultType, 34 description string, 35 format string, 36 x-
"""


@cache
def messages_v3() -> dict[str, tuple[Entry, ...]]:
    """Message name -> its fields in the order of their numbers."""
    return read_table(_MESSAGES)
