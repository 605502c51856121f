"""The table of maps: its elements, and that a change carries exactly the difference."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.proxy.model import Backend, Frontend, Rules, stale_udp
from pybernetes.proxy.nftables import (
    MAPS,
    SETS,
    NodeNetwork,
    TableState,
    change,
    install,
    kept_chains,
    table_state,
)

NETWORK = NodeNetwork("10.96.0.0/12", "10.244.0.0/16")
B1, B2 = Backend("10.244.0.2", 80), Backend("10.244.0.3", 80)


def test_a_cluster_ip_is_three_lookups() -> None:
    state = table_state((Frontend("10.96.0.9", "tcp", 80, (B1, B2)),))
    assert state.chains == {("ip", 2, 0)}
    assert state.maps["service-ips"] == {"10.96.0.9 . tcp . 80": "goto ip-pick-2"}
    assert state.maps["service-endpoints"] == {
        "10.96.0.9 . tcp . 80 . 0x0": "10.244.0.2 . 80",
        "10.96.0.9 . tcp . 80 . 0x1": "10.244.0.3 . 80",
    }
    assert set(state.maps["hairpin"]) == {"10.244.0.2 . 10.244.0.2", "10.244.0.3 . 10.244.0.3"}


def test_a_node_port_is_masqueraded_by_its_mark_unless_the_source_is_preserved() -> None:
    masqueraded = table_state((Frontend(None, "tcp", 30080, (B1,)),))
    preserved = table_state((Frontend(None, "tcp", 30080, (B1,), preserve_source=True),))
    assert list(masqueraded.maps["nodeport-endpoints"]) == ["tcp . 30080 . 0x4000"]
    assert list(preserved.maps["nodeport-endpoints"]) == ["tcp . 30080 . 0x0"]


def test_a_frontend_without_backends_is_left_to_the_refusal() -> None:
    script = install(table_state((Frontend("10.96.0.9", "tcp", 80, ()),)), NETWORK)
    assert "add element" not in script
    assert "ip daddr 10.96.0.0/12 counter reject\n" in script


def test_affinity_has_its_own_chain_and_is_forgotten_when_backends_change() -> None:
    one = table_state((Frontend("10.96.0.9", "tcp", 80, (B1,), 60),))
    two = table_state((Frontend("10.96.0.9", "tcp", 80, (B2,), 60),))
    assert "chain ip-pick-1-sticky-60" in install(one, NETWORK)
    assert "flush map ip kube-proxy affinity" in change(one, two)


def test_no_difference_is_no_script() -> None:
    state = table_state((Frontend("10.96.0.9", "tcp", 80, (B1,)),))
    assert change(state, state) == ""


def test_stale_udp_names_what_went() -> None:
    before: Rules = (Frontend("10.96.0.10", "udp", 53, (B1, B2)), Frontend("10.96.0.9", "tcp", 80, (B1,)))
    after: Rules = (Frontend("10.96.0.10", "udp", 53, (B2,)),)
    assert list(stale_udp(before, after)) == [("10.96.0.10", 53, "10.244.0.2")]


backends = st.builds(
    Backend, st.sampled_from(["10.244.0.2", "10.244.0.3", "10.244.1.2"]), st.integers(80, 82)
)
frontends = st.builds(
    Frontend,
    st.sampled_from([None, "10.96.0.9", "10.96.0.11"]),
    st.sampled_from(["tcp", "udp"]),
    st.integers(80, 82),
    st.lists(backends, max_size=3, unique=True).map(tuple),
    st.sampled_from([0, 60]),
    st.booleans(),
)
rule_sets = st.lists(frontends, max_size=6, unique_by=lambda f: (f.ip, f.protocol, f.port)).map(tuple)


@settings(max_examples=150, deadline=None)
@given(rule_sets, rule_sets)
def test_a_change_leads_exactly_to_the_new_state(before: Rules, after: Rules) -> None:
    old, new = table_state(before), table_state(after)
    held = {name: dict(old.maps[name]) for name in (*MAPS, *SETS)}
    chains = chain_names(install(old, NETWORK))
    script = change(old, new)
    chains |= chain_names(script)
    play(script, held)
    assert held == {name: dict(new.maps[name]) for name in (*MAPS, *SETS)}
    wanted = {verdict.removeprefix("goto ") for name in MAPS[:2] for verdict in new.maps[name].values()}
    assert wanted <= chains
    assert kept_chains(old, new) == TableState(old.chains | new.chains, new.maps)


def chain_names(script: str) -> set[str]:
    return set(re.findall(r"chain (\S+-pick-\S+) \{", script))


def play(script: str, held: Mapping[str, dict[str, str]]) -> None:
    """What nft does with the element lines of a script."""
    for verb, name, body in re.findall(r"(add|delete) element ip kube-proxy (\S+) \{ (.*) \}", script):
        for element in body.split(", "):
            key, _, value = element.partition(" : ")
            if verb == "delete":
                del held[name][key]
            else:
                assert key not in held[name]
                held[name][key] = value
