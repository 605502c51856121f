"""The pod's spec as upstream's program has it: its structs, with their fields in order. Only to print what differs.

A line per struct: `GoName jsonName type`, the JSON name left out where it is the Go name with a small first letter. Types:
`s` string, `i` number, `b` boolean, `q` quantity, a struct of the table; with `*` before it a pointer, with `[]` a list,
with `{}` a map of names. An embedded struct has `-` for its JSON name.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from pybernetes.lang import quantity
from pybernetes.lang.structdiff import Type

from ..meta import Obj

_STRUCTS = """
PodSpec: Volumes []Volume, InitContainers []Container, Containers []Container, EphemeralContainers []EphemeralContainer, RestartPolicy s, TerminationGracePeriodSeconds *i, ActiveDeadlineSeconds *i, DNSPolicy dnsPolicy s, NodeSelector {}s, ServiceAccountName s, AutomountServiceAccountToken *b, NodeName s, SecurityContext *PodSecurityContext, ImagePullSecrets []LocalObjectReference, Hostname s, Subdomain s, SetHostnameAsFQDN setHostnameAsFQDN *b, Affinity *Affinity, SchedulerName s, Tolerations []Toleration, HostAliases []HostAlias, PriorityClassName s, Priority *i, PreemptionPolicy *s, DNSConfig dnsConfig *PodDNSConfig, ReadinessGates []PodReadinessGate, RuntimeClassName *s, Overhead {}q, EnableServiceLinks *b, TopologySpreadConstraints []TopologySpreadConstraint, OS os *PodOS, SchedulingGates []PodSchedulingGate, ResourceClaims []PodResourceClaim, Resources *ResourceRequirements, HostnameOverride *s
Container: Name s, Image s, Command []s, Args []s, WorkingDir s, Ports []ContainerPort, EnvFrom []EnvFromSource, Env []EnvVar, Resources ResourceRequirements, ResizePolicy []ContainerResizePolicy, RestartPolicy *s, RestartPolicyRules []ContainerRestartRule, VolumeMounts []VolumeMount, VolumeDevices []VolumeDevice, LivenessProbe *Probe, ReadinessProbe *Probe, StartupProbe *Probe, Lifecycle *Lifecycle, TerminationMessagePath s, TerminationMessagePolicy s, ImagePullPolicy s, SecurityContext *SecurityContext, Stdin b, StdinOnce b, TTY tty b
EphemeralContainer: EphemeralContainerCommon - Container, TargetContainerName s
ContainerPort: Name s, HostPort i, ContainerPort i, Protocol s, HostIP hostIP s
EnvVar: Name s, Value s, ValueFrom *EnvVarSource
EnvVarSource: FieldRef *ObjectFieldSelector, ResourceFieldRef *ResourceFieldSelector, ConfigMapKeyRef *KeySelector, SecretKeyRef *KeySelector, FileKeyRef *FileKeySelector
ObjectFieldSelector: APIVersion apiVersion s, FieldPath s
ResourceFieldSelector: ContainerName s, Resource s, Divisor q
KeySelector: LocalObjectReference - LocalObjectReference, Key s, Optional *b
FileKeySelector: VolumeName s, Path s, Key s, Optional *b
EnvFromSource: Prefix s, ConfigMapRef *EnvSource, SecretRef *EnvSource
EnvSource: LocalObjectReference - LocalObjectReference, Optional *b
LocalObjectReference: Name s
ResourceRequirements: Limits {}q, Requests {}q, Claims []ResourceClaim
ResourceClaim: Name s, Request s
ContainerResizePolicy: ResourceName s, RestartPolicy s
ContainerRestartRule: Action s, ExitCodes *ExitCodes
ExitCodes: Operator s, Values []i
VolumeMount: Name s, ReadOnly b, RecursiveReadOnly *s, MountPath s, SubPath s, MountPropagation *s, SubPathExpr s
VolumeDevice: Name s, DevicePath s
Probe: ProbeHandler - ProbeHandler, InitialDelaySeconds i, TimeoutSeconds i, PeriodSeconds i, SuccessThreshold i, FailureThreshold i, TerminationGracePeriodSeconds *i
ProbeHandler: Exec *ExecAction, HTTPGet httpGet *HTTPGetAction, TCPSocket tcpSocket *TCPSocketAction, GRPC grpc *GRPCAction
LifecycleHandler: Exec *ExecAction, HTTPGet httpGet *HTTPGetAction, TCPSocket tcpSocket *TCPSocketAction, Sleep *SleepAction
ExecAction: Command []s
HTTPGetAction: Path s, Port s, Host s, Scheme s, HTTPHeaders httpHeaders []HTTPHeader
HTTPHeader: Name s, Value s
TCPSocketAction: Port s, Host s
GRPCAction: Port i, Service *s
SleepAction: Seconds i
Lifecycle: PostStart *LifecycleHandler, PreStop *LifecycleHandler, StopSignal *s
SecurityContext: Capabilities *Capabilities, Privileged *b, SELinuxOptions seLinuxOptions *SELinuxOptions, WindowsOptions *WindowsSecurityContextOptions, RunAsUser *i, RunAsGroup *i, RunAsNonRoot *b, ReadOnlyRootFilesystem *b, AllowPrivilegeEscalation *b, ProcMount *s, SeccompProfile *SeccompProfile, AppArmorProfile *AppArmorProfile
Capabilities: Add []s, Drop []s
SELinuxOptions: User s, Role s, Type s, Level s
WindowsSecurityContextOptions: GMSACredentialSpecName gmsaCredentialSpecName *s, GMSACredentialSpec gmsaCredentialSpec *s, RunAsUserName *s, HostProcess *b
SeccompProfile: Type s, LocalhostProfile *s
AppArmorProfile: Type s, LocalhostProfile *s
PodSecurityContext: HostNetwork b, HostPID hostPID b, HostIPC hostIPC b, ShareProcessNamespace *b, HostUsers *b, SELinuxOptions seLinuxOptions *SELinuxOptions, WindowsOptions *WindowsSecurityContextOptions, RunAsUser *i, RunAsGroup *i, RunAsNonRoot *b, SupplementalGroups []i, SupplementalGroupsPolicy *s, FSGroup fsGroup *i, FSGroupChangePolicy fsGroupChangePolicy *s, Sysctls []Sysctl, SeccompProfile *SeccompProfile, AppArmorProfile *AppArmorProfile, SELinuxChangePolicy seLinuxChangePolicy *s
Sysctl: Name s, Value s
Toleration: Key s, Operator s, Value s, Effect s, TolerationSeconds *i
HostAlias: IP ip s, Hostnames []s
PodDNSConfig: Nameservers []s, Searches []s, Options []PodDNSConfigOption
PodDNSConfigOption: Name s, Value *s
PodReadinessGate: ConditionType s
PodOS: Name s
PodSchedulingGate: Name s
PodResourceClaim: Name s, ResourceClaimName *s, ResourceClaimTemplateName *s
TopologySpreadConstraint: MaxSkew i, TopologyKey s, WhenUnsatisfiable s, LabelSelector *v1.LabelSelector, MinDomains *i, NodeAffinityPolicy *s, NodeTaintsPolicy *s, MatchLabelKeys []s
v1.LabelSelector: MatchLabels {}s, MatchExpressions []v1.LabelSelectorRequirement
v1.LabelSelectorRequirement: Key s, Operator s, Values []s
Affinity: NodeAffinity *NodeAffinity, PodAffinity *PodAffinity, PodAntiAffinity *PodAntiAffinity
NodeAffinity: RequiredDuringSchedulingIgnoredDuringExecution *NodeSelector, PreferredDuringSchedulingIgnoredDuringExecution []PreferredSchedulingTerm
NodeSelector: NodeSelectorTerms []NodeSelectorTerm
NodeSelectorTerm: MatchExpressions []NodeSelectorRequirement, MatchFields []NodeSelectorRequirement
NodeSelectorRequirement: Key s, Operator s, Values []s
PreferredSchedulingTerm: Weight i, Preference NodeSelectorTerm
PodAffinity: RequiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm, PreferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm
PodAntiAffinity: RequiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm, PreferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm
PodAffinityTerm: LabelSelector *v1.LabelSelector, Namespaces []s, TopologyKey s, NamespaceSelector *v1.LabelSelector, MatchLabelKeys []s, MismatchLabelKeys []s
WeightedPodAffinityTerm: Weight i, PodAffinityTerm PodAffinityTerm
Volume: Name s, VolumeSource - VolumeSource
VolumeSource: HostPath *HostPathVolumeSource, EmptyDir *EmptyDirVolumeSource, GitRepo *GitRepoVolumeSource, Secret *SecretVolumeSource, NFS nfs *NFSVolumeSource, PersistentVolumeClaim *PersistentVolumeClaimVolumeSource, DownwardAPI downwardAPI *DownwardAPIVolumeSource, ConfigMap *ConfigMapVolumeSource, Projected *ProjectedVolumeSource, CSI csi *CSIVolumeSource, Image *ImageVolumeSource
HostPathVolumeSource: Path s, Type *s
EmptyDirVolumeSource: Medium s, SizeLimit *q
GitRepoVolumeSource: Repository s, Revision s, Directory s
SecretVolumeSource: SecretName s, Items []KeyToPath, DefaultMode *i, Optional *b
NFSVolumeSource: Server s, Path s, ReadOnly b
PersistentVolumeClaimVolumeSource: ClaimName s, ReadOnly b
DownwardAPIVolumeSource: Items []DownwardAPIVolumeFile, DefaultMode *i
DownwardAPIVolumeFile: Path s, FieldRef *ObjectFieldSelector, ResourceFieldRef *ResourceFieldSelector, Mode *i
ConfigMapVolumeSource: LocalObjectReference - LocalObjectReference, Items []KeyToPath, DefaultMode *i, Optional *b
KeyToPath: Key s, Path s, Mode *i
ProjectedVolumeSource: Sources []VolumeProjection, DefaultMode *i
VolumeProjection: Secret *KeysProjection, DownwardAPI downwardAPI *DownwardAPIProjection, ConfigMap *KeysProjection, ServiceAccountToken *ServiceAccountTokenProjection, ClusterTrustBundle *ClusterTrustBundleProjection
KeysProjection: LocalObjectReference - LocalObjectReference, Items []KeyToPath, Optional *b
DownwardAPIProjection: Items []DownwardAPIVolumeFile
ServiceAccountTokenProjection: Audience s, ExpirationSeconds i, Path s
ClusterTrustBundleProjection: Name *s, SignerName *s, LabelSelector *v1.LabelSelector, Optional *b, Path s
CSIVolumeSource: Driver s, ReadOnly *b, FSType fsType *s, VolumeAttributes {}s, NodePublishSecretRef *LocalObjectReference
ImageVolumeSource: Reference s, PullPolicy s
"""


def _quantity(value: object) -> str:
    """`{i: {value: 100, scale: -3}, s: "100m", Format: "DecimalSI"}`."""
    text = str(value)
    number, form, scale = quantity.parse_quantity(text), quantity.parse(text).format, 0
    while number != int(number) and scale > -9:
        scale -= 3
        number *= 1000
    amount = f"value: {int(number)}" + (f", scale: {scale}" if scale else "")
    return f'{{i: {{{amount}}}, s: "{text}", Format: "{form}"}}'


_SCALARS = {
    "s": Type("string", zero=""),
    "i": Type("int64", zero=0),
    "b": Type("bool", zero=False),
    "q": Type("resource.Quantity", zero="0", show=_quantity),
}
_POD_LEVEL = ("HostNetwork", "HostPID", "HostIPC", "ShareProcessNamespace", "HostUsers")
"""Fields that upstream's program has in the security context, and the object beside it."""


@cache
def _lines() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in _STRUCTS.strip().splitlines())


@cache
def _type(text: str) -> Type:
    """Of a type's text in the table."""
    if text.startswith("*"):
        of = _type(text[1:])
        return replace(of, pointer=True, zero=None)
    if text.startswith("[]"):
        return Type("", "list", item=_type(text[2:]))
    if text.startswith("{}"):
        of = _type(text[2:])
        name = "core.ResourceList" if text == "{}q" else f"map[string]{of.name}"
        return Type(name, "map", item=of, key_prefix="s" if text == "{}q" else "")
    if text in _SCALARS:
        return _SCALARS[text]
    fields = tuple(_field(*part.split()) for part in _lines()[text].split(", "))
    return Type(text if "." in text else f"core.{text}", "struct", fields=fields)


def _field(name: str, *rest: str) -> tuple[str, str, Type]:
    key = rest[0] if len(rest) == 2 else f"{name[0].lower()}{name[1:]}"
    return name, "" if key == "-" else key, _type(rest[-1])


def struct(name: str) -> Type:
    """One of the table by its name."""
    return _type(name)


def pod_spec() -> Type:
    """`core.PodSpec`."""
    return _type("PodSpec")


def as_held(spec: Obj) -> Obj:
    """A spec with what the program has in the security context put there."""
    keys = [f"{name[0].lower()}{name[1:]}" for name in _POD_LEVEL]
    moved = {key: spec[key] for key in keys if key in spec}
    context = spec.get("securityContext")
    if not moved and context is None:
        return spec
    inner = context if isinstance(context, dict) else {}
    return {**spec, "securityContext": {**inner, **moved}}


def go_json(name: str, tree: Obj) -> dict[str, Any]:
    """A tree as upstream's program prints one of its structs in an error: JSON with the names of Go's fields, null for
    what is absent. `name` is that of the struct in the table; label selectors keep the names of the API."""
    return _fields(_type(name), tree)


def _fields(of: Type, tree: Obj) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for go_name, key, kind in of.fields:
        if not key:
            found.update(_fields(kind, tree))
        else:
            found[go_name] = _value(kind, tree.get(key))
    return found


def _value(of: Type, value: Any) -> Any:
    if of.name.startswith("v1."):
        return value
    if of.kind == "struct":
        return None if value is None and of.pointer else _fields(of, value or {})
    if value is None:
        return None if of.pointer or of.kind != "scalar" else of.zero
    if of.kind == "list" and of.item is not None:
        return [_value(of.item, each) for each in value]
    return value
