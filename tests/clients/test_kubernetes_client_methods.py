"""Every method of the official Python client, against a cluster inside this process."""

from __future__ import annotations

import datetime
import inspect
import re
from collections.abc import Iterator
from functools import partial

import pytest
from kubernetes import client, config

from pybernetes import Cluster

from .clientcalls import NAMESPACE, Called, refused
from .clientjudge import Judge
from .clientkinds import (
    Methods,
    a_watch,
    creation,
    deletion,
    deletion_of_many,
    lists,
    methods,
    methods_of,
    patches,
    scale,
    status,
    updates,
)
from .clientscenarios import SCENARIOS, Scenario
from .everykind import EXCEPTIONS, NOT_SERVED, ROWS, Row

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def api() -> Iterator[Judge]:
    """The client of a cluster with one hollow node."""
    with Cluster.sync(nodes=1) as cluster:
        settings = client.Configuration()
        config.load_kube_config(cluster.serve().kubeconfig, client_configuration=settings)
        with Judge(settings) as made:
            client.CoreV1Api(made).create_namespace({"metadata": {"name": NAMESPACE}})
            yield made


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.api_version}-{row.kind}")
def test_a_kind(api: Judge, row: Row) -> None:
    call = Methods(api, row)
    creation(call)
    lists(call)
    a_watch(call)
    updates(call)
    patches(call)
    if call.has("read", "status"):
        status(call)
    if call.has("read", "scale"):
        scale(call)
    deletion(call)
    deletion_of_many(call)
    assert call.left == set()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"{scenario[0]}-{scenario[1].__name__}")
def test_a_scenario(api: Judge, scenario: Scenario) -> None:
    api_class, function, form = scenario
    called = Called(api, api_class)
    function(called)
    wanted = {name for name in methods(api_class) if re.fullmatch(form, name)}
    assert wanted - called.names == set()


def test_every_method_of_the_client_is_called() -> None:
    """A method that is in no row has its name here."""
    classes = {name for name in vars(client) if name.endswith("Api")} | {
        name for name in dir(client) if name.endswith("Api")
    }
    every = {f"{name}.{method}" for name in classes for method in methods(name)}
    done = {f"{row.api_class}.{method}" for row in ROWS for method in methods_of(row)}
    done |= {
        f"{name}.{method}"
        for name, _, form in SCENARIOS
        for method in methods(name)
        if re.fullmatch(form, method)
    }
    done |= {f"{name}.{method}" for name, _ in NOT_SERVED for method in methods(name)}
    assert len(every) > 900
    assert every - done == {name for name, _ in EXCEPTIONS}


def test_a_micro_time_without_fraction_is_refused(api: Judge) -> None:
    """Python writes no fraction of a whole second, which upstream does not take."""
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    spec = client.V1LeaseSpec(renew_time=moment)
    lease = client.V1Lease(metadata=client.V1ObjectMeta(name="whole"), spec=spec)
    leases = client.CoordinationV1Api(api)
    assert refused(leases.create_namespaced_lease, NAMESPACE, lease).status == 400
    assert api.raw["message"].endswith(
        'parsing time "2026-01-01T00:00:00+00:00" as "2006-01-02T15:04:05.000000Z07:00": '
        'cannot parse "+00:00" as ".000000"'
    )
    spec.renew_time = moment.replace(microsecond=5)
    made = leases.create_namespaced_lease(NAMESPACE, lease)
    assert made.spec.renew_time == spec.renew_time


def test_a_timeout_that_is_no_number(api: Judge) -> None:
    """The client would not send it."""
    pool, settings = api.rest_client.pool_manager, api.configuration
    answer = pool.request("GET", f"{settings.host}/api/v1/pods?timeoutSeconds=x")
    assert (answer.status, answer.json()["message"]) == (400, 'strconv.ParseInt: parsing "x": invalid syntax')


@pytest.mark.parametrize(("api_class", "why"), NOT_SERVED)
def test_what_is_not_served_is_not_found(api: Judge, api_class: str, why: str) -> None:
    made = getattr(client, api_class)(api)
    for name in sorted(methods(api_class)):
        # What the client's models say of bodies is of no matter here.
        call = partial(getattr(made, name).raw_function, made)
        needed = [p for p in inspect.signature(call).parameters.values() if p.default is p.empty]
        given = [{} if p.name == "body" else "x" for p in needed]
        error = refused(call, *given)
        assert (error.status, error.reason) == (404, "Not Found"), (name, why)


def test_the_openapi_document_has_what_the_client_was_made_of(api: Judge) -> None:
    """An operation per method that handles objects, under upstream's name, so that generators find the same."""
    answer = api.rest_client.pool_manager.request("GET", f"{api.configuration.host}/openapi/v2")
    paths = answer.json()["paths"]
    ids = [
        operation["operationId"]
        for path in paths.values()
        for operation in path.values()
        if isinstance(operation, dict)
    ]
    assert len(ids) == len(set(ids))
    offered = {name.lower() for name in ids}
    wanted = {(row.api_class, name) for row in ROWS for name in methods_of(row)}
    for api_class, _, form in SCENARIOS:
        if api_class.endswith("V1Api"):
            found = {name for name in methods(api_class) if re.fullmatch(form, name)}
            wanted |= {
                (api_class, name)
                for name in found
                if not re.match("connect_|get_|read_namespaced_pod_log", name)
            }
    assert len(wanted) > 500
    assert [pair for pair in sorted(wanted) if operation_id(*pair) not in offered] == []


def operation_id(api_class: str, method: str) -> str:
    """In lower case, as the names of methods have lost theirs."""
    verb, _, rest = method.replace("delete_collection", "delete").partition("_")
    collection = "collection" if method.startswith("delete_collection") else ""
    return (verb + api_class.removesuffix("Api") + collection + rest).replace("_", "").lower()
