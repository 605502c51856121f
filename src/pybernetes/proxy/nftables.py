"""Rules to an nftables table that is made of maps, and the smallest change from one state of it to another.

Chains are what costs in nf_tables (40,000 of them load in 20 s, the same as map elements in 0.3 s), so a service is
an element, not a chain. A packet takes three look-ups:

1. `service-ips` (address . protocol . port) or `service-nodeports` (protocol . port) names a chain `pick-N`: as many
   chains as there are different numbers of backends;
2. `pick-N` draws a number below N into the packet mark;
3. `service-endpoints` (address . protocol . port . mark) or `nodeport-endpoints` gives the backend to translate to.

Session affinity keeps the drawn number per client in a map whose elements expire. What is sent to an address of the
service range and was not translated belongs to nothing, or to a service without backends: it is refused.
Names of table, hooks and maps follow upstream's nftables mode where the piece is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .model import Frontend, Rules

TABLE = "kube-proxy"
MASQUERADE_MARK = 0x4000  # upstream's --masquerade-bit 14; the drawn number is in the bits below
AFFINITY_SET_TIMEOUT = 10800  # seconds, upstream's default of sessionAffinityConfig

Elements = Mapping[str, str]
"""Map or set elements: key to value ("" in a set)."""


@dataclass(frozen=True, slots=True)
class NodeNetwork:
    """Ranges that the rules speak of, in CIDR notation. `node_ips` are the addresses that node ports listen on; empty
    means every address of the node but loopback."""

    service_cidr: str
    cluster_cidr: str
    node_ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableState:
    """Everything in the table that depends on Services."""

    chains: frozenset[tuple[str, int, int]]
    """(family, number of backends, affinity seconds); families are those of `_family`."""
    maps: Mapping[str, Elements]


MAPS = ("service-ips", "service-nodeports", "service-endpoints", "nodeport-endpoints")
SETS = ("hairpin",)


def table_state(rules: Rules) -> TableState:
    """The chains and elements for these rules."""
    elements: dict[str, dict[str, str]] = {name: {} for name in (*MAPS, *SETS)}
    chains: set[tuple[str, int, int]] = set()
    for frontend in rules:
        if not frontend.backends:
            continue
        family = _family(frontend)
        chains.add((family, len(frontend.backends), frontend.affinity_seconds))
        _add_frontend(elements, frontend, family)
    return TableState(frozenset(chains), elements)


def _family(frontend: Frontend) -> str:
    """ "ip": reached by its own address; "port": by a port of the node, masqueraded; "local": so, source preserved."""
    if frontend.ip is not None:
        return "ip"
    return "local" if frontend.preserve_source else "port"


def _add_frontend(elements: dict[str, dict[str, str]], frontend: Frontend, family: str) -> None:
    where = f"{frontend.protocol} . {frontend.port}"
    if frontend.ip is not None:
        where = f"{frontend.ip} . {where}"
    verdicts, targets = (
        ("service-ips", "service-endpoints")
        if family == "ip"
        else ("service-nodeports", "nodeport-endpoints")
    )
    chain = _chain_name(family, len(frontend.backends), frontend.affinity_seconds)
    elements[verdicts][where] = f"goto {chain}"
    first = _first_mark(family)
    for index, backend in enumerate(frontend.backends, start=first):
        elements[targets][f"{where} . 0x{index:x}"] = f"{backend.ip} . {backend.port}"
        elements["hairpin"][f"{backend.ip} . {backend.ip}"] = ""


def _first_mark(family: str) -> int:
    return MASQUERADE_MARK if family == "port" else 0


def _chain_name(family: str, count: int, affinity: int) -> str:
    return f"{family}-pick-{count}" + (f"-sticky-{affinity}" if affinity else "")


def install(state: TableState, network: NodeNetwork) -> str:
    """The script that puts the whole table in place of any earlier one, in one transaction."""
    lines = [f"table ip {TABLE}", f"delete table ip {TABLE}", f"table ip {TABLE} {{", *_declarations()]
    lines += [line for chain in sorted(state.chains) for line in _chain(chain)]
    lines += [*_base_chains(network), "}"]
    lines += [line for name in (*MAPS, *SETS) for line in _elements("add", name, state.maps[name])]
    return "\n".join(lines) + "\n"


def uninstall() -> str:
    """The script that removes the table, whether it is there or not."""
    return f"table ip {TABLE}\ndelete table ip {TABLE}\n"


def change(old: TableState, new: TableState) -> str:
    """The script from one installed state to another; "" where nothing changes.

    Chains appear before what names them; changed elements go and come within the transaction, so that no packet sees
    a gap. Chains that nothing names any more stay: there are few, and another service will want them.
    """
    lines: list[str] = []
    for chain in sorted(new.chains - old.chains):
        lines += [f"table ip {TABLE} {{", *_chain(chain), "}"]
    for name in (*MAPS, *SETS):
        before, after = old.maps[name], new.maps[name]
        gone = {k: v for k, v in before.items() if after.get(k) != v}
        lines += _elements("delete", name, dict.fromkeys(gone, ""))
    for name in (*MAPS, *SETS):
        before, after = old.maps[name], new.maps[name]
        lines += _elements("add", name, {k: v for k, v in after.items() if before.get(k) != v})
    if not lines:
        return ""
    if _sticky(old) and any(
        old.maps[name] != new.maps[name] for name in ("service-endpoints", "nodeport-endpoints")
    ):
        # A remembered number may stand for another backend now.
        lines.append(f"flush map ip {TABLE} affinity")
    return "\n".join(lines) + "\n"


def kept_chains(old: TableState, new: TableState) -> TableState:
    """What the table holds after `change(old, new)`: the new elements, and the chains of both."""
    return TableState(old.chains | new.chains, new.maps)


def _sticky(state: TableState) -> bool:
    return any(affinity for _, _, affinity in state.chains)


def _elements(verb: str, name: str, elements: Elements, batch: int = 500) -> Iterable[str]:
    rendered = [f"{key} : {value}" if value else key for key, value in elements.items()]
    for start in range(0, len(rendered), batch):
        yield f"{verb} element ip {TABLE} {name} {{ {', '.join(rendered[start : start + batch])} }}"


def _declarations() -> list[str]:
    return [
        "  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }",
        "  map service-nodeports { type inet_proto . inet_service : verdict; }",
        "  map service-endpoints { type ipv4_addr . inet_proto . inet_service . mark : ipv4_addr . inet_service; }",
        "  map nodeport-endpoints { type inet_proto . inet_service . mark : ipv4_addr . inet_service; }",
        "  set hairpin { type ipv4_addr . ipv4_addr; }",
        "  map affinity { type ipv4_addr . ipv4_addr . inet_proto . inet_service : mark;"
        f" flags dynamic,timeout; timeout {AFFINITY_SET_TIMEOUT}s; }}",
    ]


def _chain(chain: tuple[str, int, int]) -> list[str]:
    family, count, affinity = chain
    where = "ip daddr . meta l4proto . th dport" if family == "ip" else "meta l4proto . th dport"
    targets = "service-endpoints" if family == "ip" else "nodeport-endpoints"
    translate = f"dnat ip to {where} . meta mark map @{targets}"
    client = "ip saddr . ip daddr . meta l4proto . th dport"
    lines = [f"  chain {_chain_name(*chain)} {{"]
    if affinity:
        lines.append(f"    meta mark set {client} map @affinity {translate}")
    lines.append(f"    meta mark set numgen random mod {count} offset {_first_mark(family)}")
    if affinity:
        lines.append(f"    update @affinity {{ {client} timeout {affinity}s : meta mark }}")
    return [*lines, f"    {translate}", "  }"]


def _base_chains(network: NodeNetwork) -> list[str]:
    if network.node_ips:
        on_node = f"ip daddr {{ {', '.join(network.node_ips)} }}"
    else:
        on_node = "fib daddr type local ip daddr != 127.0.0.0/8"
    services = f"ip daddr {network.service_cidr}"
    return [
        "  chain services {",
        "    ip daddr . meta l4proto . th dport vmap @service-ips",
        f"    {on_node} meta l4proto . th dport vmap @service-nodeports",
        "  }",
        "  chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }",
        "  chain nat-output { type nat hook output priority -100; jump services; }",
        "  chain nat-postrouting {",
        "    type nat hook postrouting priority srcnat;",
        "    ct status & dnat == 0 return",
        "    ip saddr . ip daddr @hairpin masquerade",
        f"    ct original ip daddr {network.service_cidr} ip saddr != {network.cluster_cidr} masquerade",
        f"    meta mark & 0x{MASQUERADE_MARK:x} == 0x{MASQUERADE_MARK:x} masquerade",
        "  }",
        *_refusal("forward", services),
        *_refusal("output", services),
    ]


def _refusal(hook: str, services: str) -> list[str]:
    """What was not translated has no backend. TCP is answered with a reset: an ICMP error about a packet of the node's
    own that conntrack has just seen does not reach its sender."""
    return [
        f"  chain filter-{hook} {{",
        f"    type filter hook {hook} priority 0;",
        f"    {services} meta l4proto tcp counter reject with tcp reset",
        f"    {services} counter reject",
        "  }",
    ]
