"""A pod's resolv.conf from its dnsPolicy, the cluster's DNS and the node's own configuration."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.meta import Obj, name_of, namespace_of

from . import podspec
from .config import KubeletConfig
from .host import ResolvConf
from .runtime import DNSConfig

MOST_NAMESERVERS, MOST_SEARCHES = 3, 32


def pod_dns(pod: Obj, config: KubeletConfig, node: ResolvConf) -> DNSConfig:
    """`ClusterFirst` in the host's network, or without a cluster DNS, is `Default` (upstream)."""
    policy = pod["spec"].get("dnsPolicy") or "ClusterFirst"
    if policy == "ClusterFirst" and podspec.is_host_network(pod):
        policy = "Default"
    if policy in ("ClusterFirst", "ClusterFirstWithHostNet") and not config.cluster_dns:
        policy = "Default"
    if policy == "None":
        servers, searches, options = [], [], []
    elif policy == "Default":
        servers, searches, options = list(node.nameservers), list(node.searches), list(node.options)
    else:
        domain = config.cluster_domain
        servers = list(config.cluster_dns)
        searches = [f"{namespace_of(pod)}.svc.{domain}", f"svc.{domain}", domain, *node.searches]
        options = ["ndots:5"]
    return _with_own(pod["spec"].get("dnsConfig") or {}, servers, searches, options)


def _with_own(own: Obj, servers: list[str], searches: list[str], options: list[str]) -> DNSConfig:
    """The pod's `dnsConfig` added; an option of the same name replaces."""
    servers = _unique([*servers, *(own.get("nameservers") or ())])
    searches = _unique([*searches, *(own.get("searches") or ())])
    chosen = {option.partition(":")[0]: option for option in options}
    for option in own.get("options") or ():
        name, value = option["name"], option.get("value")
        chosen[name] = f"{name}:{value}" if value else name
    return DNSConfig(
        tuple(servers[:MOST_NAMESERVERS]), tuple(searches[:MOST_SEARCHES]), tuple(chosen.values())
    )


def _unique(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def host_name(pod: Obj) -> str:
    """The hostname inside the pod: at most 63 characters, no trailing dash or dot."""
    if own := pod["spec"].get("hostnameOverride"):
        return str(own)
    name = pod["spec"].get("hostname") or name_of(pod)
    return str(name)[:63].rstrip("-.")


def host_domain(pod: Obj, config: KubeletConfig) -> str:
    """`<subdomain>.<namespace>.svc.<cluster domain>`, or "" without a subdomain."""
    subdomain = pod["spec"].get("subdomain")
    return f"{subdomain}.{namespace_of(pod)}.svc.{config.cluster_domain}" if subdomain else ""


def hosts_file(pod: Obj, pod_ips: Iterable[str], config: KubeletConfig) -> str:
    """/etc/hosts of a pod with its own network."""
    name, domain = host_name(pod), host_domain(pod, config)
    lines = [
        "# Kubernetes-managed hosts file.",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "fe00::0\tip6-mcastprefix",
        "fe00::1\tip6-allnodes",
        "fe00::2\tip6-allrouters",
    ]
    names = f"{name}.{domain}\t{name}" if domain else name
    lines += [f"{ip}\t{names}" for ip in pod_ips]
    return "\n".join([*lines, *_alias_lines(pod)]) + "\n"


def host_network_hosts_file(pod: Obj, node_hosts: str) -> str:
    """/etc/hosts of a pod in the host's network: the node's file with the pod's aliases."""
    head = "# Kubernetes-managed hosts file (host network).\n" + node_hosts
    aliases = _alias_lines(pod)
    return head + ("\n".join(aliases) + "\n" if aliases else "")


def _alias_lines(pod: Obj) -> list[str]:
    aliases = pod["spec"].get("hostAliases") or ()
    if not aliases:
        return []
    lines = ["", "# Entries added by HostAliases."]
    return lines + ["\t".join([alias["ip"], *(alias.get("hostnames") or ())]) for alias in aliases]
