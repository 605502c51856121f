"""The text that says what differs between two pods' specs, as go-cmp prints it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kinds import POD
from pybernetes.api.podspec.gotypes import as_held, pod_spec
from pybernetes.api.schema import definition
from pybernetes.lang.structdiff import Type, struct_difference

SPEC: dict[str, Any] = {
    "containers": [
        {
            "name": "c",
            "image": "nginx",
            "ports": [{"containerPort": 80, "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "100m", "memory": "1Gi"}},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "Always",
        }
    ],
    "volumes": [{"name": "v", "emptyDir": {}}],
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "serviceAccountName": "default",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
    "priority": 0,
}


def difference(**changes: Any) -> str:
    """Of the spec with some of its fields set; `c_` leads to the container."""
    new = copy.deepcopy(SPEC)
    for name, value in changes.items():
        holder = new["containers"][0] if name.startswith("c_") else new
        holder[name.removeprefix("c_")] = value
    return struct_difference(pod_spec(), as_held(SPEC), as_held(new))


def test_nothing() -> None:
    assert difference() == ""
    assert difference(hostNetwork=False, nodeSelector=None) == "", "empty is as good as not there"


def test_a_changed_number() -> None:
    assert difference(terminationGracePeriodSeconds=20) == (
        "  core.PodSpec{\n"
        "  \t... // 3 identical fields\n"
        "  \tEphemeralContainers:           nil,\n"
        '  \tRestartPolicy:                 "Always",\n'
        "- \tTerminationGracePeriodSeconds: &30,\n"
        "+ \tTerminationGracePeriodSeconds: &20,\n"
        "  \tActiveDeadlineSeconds:         nil,\n"
        '  \tDNSPolicy:                     "ClusterFirst",\n'
        "  \t... // 27 identical fields\n"
        "  }\n"
    )


def test_a_changed_container() -> None:
    text = difference(c_args=["x"], c_ports=[{"containerPort": 81, "protocol": "TCP"}])
    assert text == (
        "  core.PodSpec{\n"
        '  \tVolumes:        {{Name: "v", VolumeSource: {EmptyDir: &{}}}},\n'
        "  \tInitContainers: nil,\n"
        "  \tContainers: []core.Container{\n"
        "  \t\t{\n"
        "  \t\t\t... // 1 identical field\n"
        '  \t\t\tImage:      "nginx",\n'
        "  \t\t\tCommand:    nil,\n"
        "- \t\t\tArgs:       nil,\n"
        '+ \t\t\tArgs:       []string{"x"},\n'
        '  \t\t\tWorkingDir: "",\n'
        "  \t\t\tPorts: []core.ContainerPort{\n"
        "  \t\t\t\t{\n"
        '  \t\t\t\t\tName:          "",\n'
        "  \t\t\t\t\tHostPort:      0,\n"
        "- \t\t\t\t\tContainerPort: 80,\n"
        "+ \t\t\t\t\tContainerPort: 81,\n"
        '  \t\t\t\t\tProtocol:      "TCP",\n'
        '  \t\t\t\t\tHostIP:        "",\n'
        "  \t\t\t\t},\n"
        "  \t\t\t},\n"
        "  \t\t\tEnvFrom: nil,\n"
        "  \t\t\tEnv:     nil,\n"
        "  \t\t\t... // 17 identical fields\n"
        "  \t\t},\n"
        "  \t},\n"
        "  \tEphemeralContainers: nil,\n"
        '  \tRestartPolicy:       "Always",\n'
        "  \t... // 30 identical fields\n"
        "  }\n"
    ).replace("  \t\t\t... // 1 identical field\n", '  \t\t\tName:       "c",\n')


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        (
            {"hostNetwork": True},
            ["- \t\tHostNetwork: false,", "+ \t\tHostNetwork: true,"],
        ),
        (
            {"nodeName": "n"},
            ['- \tNodeName:                     "",', '+ \tNodeName:                     "n",'],
        ),
        ({"nodeSelector": {"a": "b"}}, ['+ \tNodeSelector:                 map[string]string{"a": "b"},']),
        (
            {"volumes": None},
            ['- \tVolumes:        []core.Volume{{Name: "v", VolumeSource: {EmptyDir: &{}}}},'],
        ),
        (
            {"c_resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
            [
                '- \t\t\t\t\ts"cpu":    {i: {value: 100, scale: -3}, s: "100m", Format: "DecimalSI"},',
                '+ \t\t\t\t\ts"cpu":    {i: {value: 1}, s: "1", Format: "DecimalSI"},',
            ],
        ),
        (
            {"tolerations": [{"key": "k", "operator": "Exists"}]},
            ['+ \tTolerations:       []core.Toleration{{Key: "k", Operator: "Exists"}},'],
        ),
    ],
)
def test_changes(changes: dict[str, Any], lines: list[str]) -> None:
    found = [line for line in difference(**changes).splitlines() if line[0] in "+-"]
    for line in lines:
        assert line in found


def test_what_comes_is_told_over_several_lines_where_it_is_long() -> None:
    volume = {
        "name": "kube-api-access-abcde",
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            ],
        },
    }
    text = difference(volumes=[*SPEC["volumes"], volume])
    assert '  \t\t{Name: "v", VolumeSource: {EmptyDir: &{}}},\n+ \t\t{\n+ \t\t\tName: ' in text
    assert "+ \t\t\tVolumeSource: core.VolumeSource{\n" in text


def test_the_table_has_the_fields_of_the_api() -> None:
    """Each JSON name is one of the definition's, so that nothing that changes goes unsaid."""

    def check(type_: Type, name: str, seen: set[str]) -> None:
        if type_.kind != "struct" or name in seen:
            return
        seen.add(name)
        found = definition(name)
        assert found is not None
        for _, key, of in type_.fields:
            if not key:
                check(of, name, seen - {name})
                continue
            if key not in found.fields:
                assert key in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"), (
                    name,
                    key,
                )
                continue
            schema = found.fields[key]
            reference = schema.reference or (schema.item.reference if schema.item is not None else "")
            below = of.item if of.item is not None else of
            if reference and below is not None:
                check(below, reference, seen)

    check(pod_spec(), "io.k8s.api.core.v1.PodSpec", set())


def test_a_refused_update_says_it() -> None:
    old = {"metadata": {"name": "a"}, "spec": SPEC}
    new = {"metadata": {"name": "a"}, "spec": {**SPEC, "hostname": "x"}}
    errors = FieldErrors()
    POD.validate_update(new, old, errors)
    [cause] = errors.causes
    assert cause.message.startswith(
        "Forbidden: pod updates may not change fields other than `spec.containers[*]"
    )
    assert '\n- \tHostname:          "",\n+ \tHostname:          "x",\n' in cause.message
    assert "\u00a0" not in cause.message


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text("ab", max_size=3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(st.text("ab", max_size=4), st.text("ab", max_size=4), st.lists(st.text("ab", max_size=2), max_size=4))
def test_old_and_new_stand_behind_their_signs(one: str, other: str, arguments: list[str]) -> None:
    text = difference(subdomain=one, hostname=other, c_args=arguments)
    assert (text == "") == (not one and not other and not arguments)
    for name, value in (("Subdomain", one), ("Hostname", other)):
        signed = [line for line in text.splitlines() if line[:1] == "+" and f"\t{name}:" in line]
        assert len(signed) == bool(value)
        assert all(f'"{value}"' in line for line in signed)
