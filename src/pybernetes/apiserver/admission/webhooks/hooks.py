"""One webhook of a configuration, and all of them in the order in which they are asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pybernetes.api.meta import Obj
from pybernetes.lang import labelselector
from pybernetes.lang.labelselector import EVERYTHING, Selector

from ...kindcache import KindCache
from ...version import Version

GROUP = "admissionregistration.k8s.io"
DEFAULT_TIMEOUT = 10
REVIEW_GROUP, REVIEW_VERSIONS = "admission.k8s.io", ("v1", "v1beta1")


@dataclass(frozen=True, slots=True)
class Hook:
    """`tree` is the entry of the configuration's `webhooks`; defaults are filled in here."""

    configuration: str
    name: str
    tree: Obj = field(hash=False, compare=False)
    namespaces: Selector = field(hash=False, compare=False)
    objects: Selector = field(hash=False, compare=False)
    revision: int = 0

    @property
    def id(self) -> str:
        return f"{self.configuration}/{self.name}"

    @property
    def ignores_failure(self) -> bool:
        return bool(self.tree.get("failurePolicy") == "Ignore")

    @property
    def timeout(self) -> int:
        return int(self.tree.get("timeoutSeconds") or DEFAULT_TIMEOUT)

    @property
    def has_side_effects(self) -> bool:
        """Whether it must not be asked on a dry run."""
        return self.tree.get("sideEffects") not in ("None", "NoneOnDryRun")

    @property
    def equivalent(self) -> bool:
        return bool(self.tree.get("matchPolicy", "Equivalent") == "Equivalent")

    @property
    def reinvoked(self) -> bool:
        return bool(self.tree.get("reinvocationPolicy") == "IfNeeded")

    @property
    def review_version(self) -> str:
        """The apiVersion of the reviews that it is sent: the first that both sides know."""
        versions = (v for v in self.tree.get("admissionReviewVersions") or () if v in REVIEW_VERSIONS)
        return f"{REVIEW_GROUP}/{next(versions, REVIEW_VERSIONS[0])}"

    @property
    def rules(self) -> list[Obj]:
        return list(self.tree.get("rules") or ())

    @property
    def client(self) -> Obj:
        config: Obj = self.tree.get("clientConfig") or {}
        return config


def hooks_in(cache: KindCache | None) -> list[Hook]:
    """Those of all configurations, in the order of the configurations' names."""
    if cache is None or not cache.entries:
        return []
    return [hook for version in cache.in_namespace("") for hook in _of(version)]


@lru_cache(maxsize=256)
def _of(version: Version) -> tuple[Hook, ...]:
    configuration = version.tree()
    name = configuration["metadata"]["name"]
    return tuple(
        Hook(
            name,
            str(tree.get("name", "")),
            tree,
            _selector(tree.get("namespaceSelector")),
            _selector(tree.get("objectSelector")),
            version.revision,
        )
        for tree in configuration.get("webhooks") or ()
    )


def _selector(tree: Any) -> Selector:
    return EVERYTHING if not tree else labelselector.from_label_selector(tree)
