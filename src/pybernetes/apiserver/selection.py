"""Which objects of a kind a list, a watch or a deletecollection is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pybernetes.api.errors import BadRequest
from pybernetes.api.kind import Kind
from pybernetes.lang import fieldselector, labelselector
from pybernetes.lang.fieldselector import FieldSelector
from pybernetes.lang.labelselector import Selector

from .version import Version

ALWAYS_SELECTABLE = ("metadata.name", "metadata.namespace")


@dataclass(frozen=True, slots=True)
class Selection:
    """`namespace` "" is all; `name` is the one name that the fields ask for, "" for any."""

    namespace: str = ""
    labels: Selector = labelselector.EVERYTHING
    fields: FieldSelector = field(default_factory=FieldSelector)
    name: str = ""

    def matches(self, version: Version) -> bool:
        if self.namespace and version.namespace != self.namespace:
            return False
        for wanted in self.fields.requirements:
            if (version.field(wanted.field) == wanted.value) != (wanted.operator == "="):
                return False
        return self.labels.everything or self.labels.matches(version.labels)

    def field_value(self, name: str) -> str:
        """The one value of a field that is asked for, "" where it may be any."""
        return (self.fields.exact(name) or "") if name else ""

    @property
    def label_values(self) -> list[tuple[str, tuple[str, ...]]]:
        """For each label that must have one of some values: the label and those."""
        return [(r.key, r.values) for r in self.labels.requirements if r.operator in ("=", "in")]

    def as_stored(self) -> Selection:
        """What of it holds for an object in every version: its name and namespace."""
        kept = tuple(r for r in self.fields.requirements if r.field in ALWAYS_SELECTABLE)
        return Selection(self.namespace, fields=FieldSelector(kept), name=self.name)

    @property
    def unfiltered(self) -> bool:
        """Whether nothing but the namespace selects."""
        return self.labels.everything and self.fields.everything


def selection_of(kind: Kind, namespace: str, name: str, query: Mapping[str, str]) -> Selection:
    """Reads `labelSelector` and `fieldSelector`. Raises BadRequest."""
    labels_text, fields_text = query.get("labelSelector", ""), query.get("fieldSelector", "")
    if not labels_text and not fields_text and not name:
        return Selection(namespace)
    try:
        labels = labelselector.parse(labels_text)
    except labelselector.SelectorError as error:
        raise BadRequest(str(error)) from error
    try:
        fields = fieldselector.parse(fields_text)
    except fieldselector.FieldSelectorError as error:
        raise BadRequest(str(error)) from error
    for wanted in fields.requirements:
        if wanted.field not in ALWAYS_SELECTABLE and wanted.field not in kind.selectable:
            raise BadRequest(_not_selectable(kind, wanted.field))
    if kind.stored_fields:
        fields = fields.renamed(kind.stored_fields)
    return Selection(namespace, labels, fields, fields.exact("metadata.name") or "")


def _not_selectable(kind: Kind, field: str) -> str:
    """Upstream words it by whether a kind has selectable fields of its own."""
    if kind.kind == "Job":
        return f'field label "{field}" not supported for Job'
    if kind.selectable or kind.own_schema is not None:
        return f"field label not supported: {field}"
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'
