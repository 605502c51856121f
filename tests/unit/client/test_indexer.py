"""An indexer after any changes is as one that was given what is left at once."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.meta import Obj
from pybernetes.client.indexer import Indexer

NAMES, NAMESPACES, NODES = ("a", "b", "c"), ("", "x", "y"), ("n1", "n2", "broken")
CHANGES = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from(NAMESPACES),
        st.sampled_from(NAMES),
        st.lists(st.sampled_from(NODES), max_size=2),
    ),
    max_size=40,
)


def nodes_of(obj: Obj) -> list[str]:
    if "broken" in obj["nodes"]:
        raise KeyError("no node")
    return list(obj["nodes"])


@settings(max_examples=80, deadline=None)
@given(CHANGES)
def test_changes_leave_what_is_there(changes: list[tuple[bool, str, str, list[str]]]) -> None:
    indexer, left = Indexer(), dict[str, Any]()
    indexer.add_index("node", nodes_of)
    for put, namespace, name, nodes in changes:
        key = f"{namespace}/{name}" if namespace else name
        if put:
            obj = {"metadata": {"namespace": namespace, "name": name}, "nodes": nodes}
            assert indexer.put(obj) is left.get(key)
            left[key] = obj
        else:
            assert indexer.remove(key) is left.pop(key, None)
    assert dict(indexer.objects) == left
    for namespace in NAMESPACES:
        mine = [o for o in left.values() if namespace in ("", o["metadata"]["namespace"])]
        assert sorted(map(str, indexer.list(namespace))) == sorted(map(str, mine))
    for node in NODES[:2]:
        found = [o for o in left.values() if node in o["nodes"] and "broken" not in o["nodes"]]
        assert sorted(map(str, indexer.by_index("node", node))) == sorted(map(str, found))
    assert set(indexer.index_values("node")) == {
        n for o in left.values() if "broken" not in o["nodes"] for n in o["nodes"]
    }
