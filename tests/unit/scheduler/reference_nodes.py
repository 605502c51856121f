"""What filters and scores that read a node object alone say about one pod on one node: slow and obvious.

Written from upstream's documentation of each plugin, over plain objects; nothing of the engine is used. A filter gives
its refusals as (reason, whether other pods' leaving could help); none lets the node pass.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

Tree = dict[str, Any]
Refusals = list[tuple[str, bool]]
MB = 1024 * 1024


def labels_of(obj: Tree) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def tolerates(toleration: Tree, taint: Tree) -> bool:
    """An empty effect stands for all effects, an empty key for all keys."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists":
        return True
    return operator == "Equal" and (toleration.get("value") or "") == (taint.get("value") or "")


def tolerated(pod: Tree, taint: Tree) -> bool:
    return any(tolerates(each, taint) for each in pod["spec"].get("tolerations") or [])


def node_unschedulable(pod: Tree, node: Tree) -> Refusals:
    taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    if not node["spec"].get("unschedulable") or tolerated(pod, taint):
        return []
    return [("node(s) were unschedulable", False)]


def node_name(pod: Tree, node: Tree) -> Refusals:
    wanted = pod["spec"].get("nodeName")
    if not wanted or wanted == node["metadata"]["name"]:
        return []
    return [("node(s) didn't match the requested node name", False)]


def repels(pod: Tree, node: Tree) -> bool:
    return any(
        taint["effect"] in ("NoSchedule", "NoExecute") and not tolerated(pod, taint)
        for taint in node["spec"].get("taints") or []
    )


def taint_toleration(pod: Tree, node: Tree) -> Refusals:
    return [("node(s) had untolerated taint(s)", False)] if repels(pod, node) else []


def intolerable(pod: Tree, node: Tree) -> int:
    """TaintToleration's raw score: the taints that only prefer not, and are not tolerated."""
    count = 0
    for taint in node["spec"].get("taints") or []:
        if taint["effect"] == "PreferNoSchedule" and not tolerated(pod, taint):
            count += 1
    return count


def _integer(text: str | None) -> int | None:
    if text is None or not re.fullmatch(r"[+-]?[0-9]+", text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def requirement(value: str | None, operator: str, values: Sequence[str]) -> bool:
    """A requirement of a node selector about a label's value, None where the label is missing."""
    if operator == "In":
        return value is not None and value in values
    if operator == "NotIn":
        return value is None or value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    have, want = _integer(value), _integer(values[0])
    if have is None or want is None:
        return False
    return have > want if operator == "Gt" else have < want


def selector_term(term: Tree, node: Tree) -> bool:
    """All requirements of the term; an empty term matches nothing."""
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return False
    for each in expressions:
        if not requirement(labels_of(node).get(each["key"]), each["operator"], each.get("values") or []):
            return False
    for each in fields:
        if not requirement(node["metadata"]["name"], each["operator"], each.get("values") or []):
            return False
    return True


def node_selector(selector: Tree | None, node: Tree) -> bool:
    """Any of the terms; no selector matches all nodes."""
    if selector is None:
        return True
    return any(selector_term(term, node) for term in selector.get("nodeSelectorTerms") or [])


def _node_affinity_of(pod: Tree) -> Tree:
    return (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def wants_node(pod: Tree, node: Tree) -> bool:
    """`spec.nodeSelector` and the required node affinity."""
    for key, value in (pod["spec"].get("nodeSelector") or {}).items():
        if labels_of(node).get(key) != value:
            return False
    return node_selector(_node_affinity_of(pod).get(REQUIRED), node)


def named_nodes(pod: Tree) -> set[str] | None:
    """The nodes that the required terms name, where every term names some."""
    required = _node_affinity_of(pod).get(REQUIRED)
    if required is None or not required.get("nodeSelectorTerms"):
        return None
    found: set[str] = set()
    for term in required["nodeSelectorTerms"]:
        names: set[str] | None = None
        for field in term.get("matchFields") or []:
            if field["key"] == "metadata.name" and field["operator"] == "In":
                values = set(field.get("values") or [])
                names = values if names is None else names & values
        if names is None:
            return None
        found |= names
    return found


def node_affinity(pod: Tree, node: Tree, added: Tree | None) -> Refusals:
    if not node_selector((added or {}).get(REQUIRED), node):
        return [("node(s) didn't match scheduler-enforced node affinity", False)]
    if not wants_node(pod, node):
        return [("node(s) didn't match Pod's node affinity/selector", False)]
    return []


def preferences(pod: Tree, added: Tree | None) -> list[Tree]:
    return [*((added or {}).get(PREFERRED) or []), *(_node_affinity_of(pod).get(PREFERRED) or [])]


def preferred(pod: Tree, node: Tree, added: Tree | None) -> int:
    """NodeAffinity's raw score."""
    total = 0
    for each in preferences(pod, added):
        if selector_term(each["preference"], node):
            total += each["weight"]
    return total


def image_name(image: str) -> str:
    """With `:latest` where there is no tag."""
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"


def image_locality(pod: Tree, node: Tree, nodes: Sequence[Tree]) -> int:
    """The size of each image on the node times the share of nodes that have it, 23 MB giving 0 and 1000 MB for each
    container 100."""
    spec = pod["spec"]
    containers = [*(spec.get("initContainers") or []), *spec["containers"]]
    total = 0
    for container in containers:
        wanted = image_name(container["image"])
        size = _images(node).get(wanted)
        if size is not None:
            having = sum(wanted in _images(other) for other in nodes)
            total += int(float(size) * (having / len(nodes)))
    most = 1000 * MB * len(containers)
    bounded = min(max(total, 23 * MB), most)
    return 100 * (bounded - 23 * MB) // (most - 23 * MB)


def _images(node: Tree) -> dict[str, int]:
    found = {}
    for image in node["status"].get("images") or []:
        for name in image.get("names") or []:
            found[name] = image.get("sizeBytes") or 0
    return found
