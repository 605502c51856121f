"""Each hollow node has a share of the pod range; one too small is told of, not cut off in silence."""

from __future__ import annotations

import pytest

from pybernetes.cli.main import main
from pybernetes.cluster.podranges import MANY_NODES, capacity, share


def test_shares_are_one_after_another() -> None:
    assert [share("10.244.0.0/16", number) for number in (0, 1, 255)] == [
        "10.244.0.0/24",
        "10.244.1.0/24",
        "10.244.255.0/24",
    ]
    assert capacity(MANY_NODES) == 32768
    assert share(MANY_NODES, 5000) == "10.147.136.0/24"


def test_a_range_that_is_used_up_says_so() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/23 serves 2 nodes; node 3 needs a larger one"):
        share("10.0.0.0/23", 2)


def test_more_nodes_than_ranges_are_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["pyber", "up", "--node", "hollow", "--nodes", "257"])
    with pytest.raises(SystemExit, match="serves 256 nodes, not 257; try --pod-cidr"):
        main()
