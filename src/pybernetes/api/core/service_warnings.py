"""What a Service may still say and should not: upstream's `pkg/api/service/warnings.go`."""

from __future__ import annotations

import json

from ..meta import Obj, annotations_of
from ..validation.addresses import address_warnings, cidr_warnings

HINTS, MODE = "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"


def warnings(service: Obj, _old: Obj | None) -> list[str]:
    spec = service.get("spec") or {}
    found = []
    if HINTS in annotations_of(service):
        found.append(f"annotation {HINTS} is deprecated, please use {MODE} instead")
    if spec.get("clusterIP") not in (None, "", "None"):
        for index, text in enumerate(spec.get("clusterIPs") or ()):
            found += address_warnings(f"spec.clusterIPs[{index}]", text)
    headless = spec.get("type") == "ClusterIP" and spec.get("clusterIP") == "None"
    external = spec.get("externalIPs") or ()
    if headless:
        found += _ignored(spec)
    for index, text in enumerate(external):
        found += address_warnings(f"spec.externalIPs[{index}]", text)
    named = spec.get("type") == "ExternalName"
    if external and not headless and not named:
        found.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    if text := spec.get("loadBalancerIP"):
        found += address_warnings("spec.loadBalancerIP", text)
    for index, text in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        found += cidr_warnings(f"spec.loadBalancerSourceRanges[{index}]", text)
    if named and external:
        found.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if not named and spec.get("externalName"):
        found.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.get("trafficDistribution") == "PreferClose":
        found.append(
            f"spec.trafficDistribution: {json.dumps('PreferClose')} is deprecated; use {json.dumps('PreferSameZone')}"
        )
    return found


def _ignored(spec: Obj) -> list[str]:
    found = []
    if spec.get("loadBalancerIP"):
        found.append("spec.loadBalancerIP is ignored for headless services")
    if spec.get("externalIPs"):
        found.append("spec.externalIPs is ignored for headless services")
    if spec.get("sessionAffinity", "None") != "None":
        found.append("spec.SessionAffinity is ignored for headless services")
    return found
