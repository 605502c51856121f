"""The pytest plugin: a fresh cluster for each test that asks for `cluster`.

In an `async def` test it is a `Cluster` in the test's event loop, which this plugin runs (no other plugin is needed);
in a plain test it is a `SyncCluster`, whose methods block. `kubeconfig`, `kube_api_client`, `lightkube_client` and
`kr8s_api` serve it by HTTPS. `@pytest.mark.pybernetes(nodes=3, time="virtual", seed=1)` says how it is made: the
arguments of `Cluster`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pybernetes.cluster.library import Cluster
    from pybernetes.cluster.sync import SyncCluster

MARKER = "pybernetes"
RUNNER = pytest.StashKey["Runner"]()
CLUSTER = pytest.StashKey["Cluster"]()
SEED = "pybernetes_seed"


class Runner:
    """The event loop of one async test: its cluster, its fixtures and itself run in it one after another."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)
        self.cluster: Cluster | None = None

    def run(self, coroutine: Any) -> Any:
        """Runs a coroutine of the test; a deadlock of virtual time is raised from it."""

        async def watched() -> Any:
            cluster = self.cluster
            if cluster is not None:
                cluster.watch_over(asyncio.current_task())
            try:
                return await coroutine
            except asyncio.CancelledError:
                if cluster is not None and cluster.deadlock is not None:
                    raise cluster.deadlock from None
                raise

        return self._runner.run(watched())

    def close(self) -> None:
        self._runner.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pybernetes")
    group.addoption("--pybernetes-seed", type=int, default=None, help="seed of every cluster that sets none")
    group.addoption(
        "--pybernetes-shuffle",
        action="store_true",
        help="let the seed decide the order of tasks (virtual time)",
    )
    group.addoption(
        "--pybernetes-seeds",
        type=_seeds,
        default=(),
        metavar="FIRST-LAST",
        help="run each test that uses a cluster once for each of these seeds, whatever its marker says",
    )
    group.addoption(
        "--pybernetes-trace", metavar="FILE", help="write what the clusters of failed tests did to this file"
    )
    parser.addini("pybernetes_time", 'time of clusters that set none: "real" or "virtual"', default="real")
    parser.addini("pybernetes_nodes", "number of nodes of clusters that set none", default="1")


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    try:
        return range(int(first), int(last or first) + 1)
    except ValueError:
        raise pytest.UsageError(f"--pybernetes-seeds={text}: FIRST-LAST or one number is wanted") from None


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{MARKER}(nodes=1, time='real', seed=None, …): how the test's cluster is made"
    )


def options_of(item: pytest.Item) -> dict[str, Any]:
    """The arguments of `Cluster` for a test: of its nearest marker, over those further out, over the settings."""
    config = item.config
    options: dict[str, Any] = {
        "nodes": int(config.getini("pybernetes_nodes")),
        "time": config.getini("pybernetes_time"),
    }
    seed = config.getoption("--pybernetes-seed")
    if seed is not None:
        options["seed"] = seed
    if config.getoption("--pybernetes-shuffle"):
        options["shuffle"] = True
    for marker in reversed([*item.iter_markers(MARKER)]):
        if marker.args:
            raise pytest.UsageError(
                f"{item.nodeid}: the marker takes arguments by name: nodes=, time=, seed="
            )
        options.update(marker.kwargs)
    callspec = getattr(item, "callspec", None)
    if callspec is not None and SEED in callspec.params:
        options["seed"] = callspec.params[SEED]
    return options


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`--pybernetes-seeds` makes a test of each seed."""
    seeds = metafunc.config.getoption("--pybernetes-seeds")
    if seeds and SEED in metafunc.fixturenames:
        metafunc.parametrize(SEED, seeds, ids=lambda seed: f"seed{seed}", indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All tests of a seed before those of the next, so that the first failure is that of the smallest seed."""
    if config.getoption("--pybernetes-seeds"):
        items.sort(key=lambda item: options_of(item).get("seed") or 0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keeps the trace of a failed test."""
    report = yield
    path, cluster = item.config.getoption("--pybernetes-trace"), item.stash.get(CLUSTER, None)
    if path and report.failed and call.when == "call" and cluster is not None:
        from pybernetes.cluster.trace import trace_of

        lines = [f"# {item.nodeid} seed {cluster.seed}", *trace_of(cluster.parts.server.ledger)]
        with open(path, "a") as file:
            file.write("\n".join(lines) + "\n")
    return report


@pytest.fixture
def pybernetes_seed(request: pytest.FixtureRequest) -> int | None:
    """The seed that `--pybernetes-seeds` gives this run of the test."""
    return getattr(request, "param", None)


def _is_async(item: pytest.Item) -> bool:
    return inspect.iscoroutinefunction(getattr(item, "obj", None))


@pytest.fixture
def cluster(
    request: pytest.FixtureRequest,
    pybernetes_seed: int | None,  # noqa: ARG001  (so that tests that use a cluster can be run for many)
) -> Generator[Cluster | SyncCluster, None, None]:
    """A fresh cluster: a `Cluster` for an async test, a `SyncCluster` for any other."""
    from pybernetes.cluster.library import Cluster

    item: pytest.Item = request.node
    made = options_of(item)
    if not _is_async(item):
        with Cluster.sync(**made) as blocking:
            item.stash[CLUSTER] = blocking.cluster
            yield blocking
            del item.stash[CLUSTER]
        return
    runner = item.stash[RUNNER] = Runner()
    try:
        own = runner.cluster = item.stash[CLUSTER] = Cluster(**made)
        runner.run(own.__aenter__())
        try:
            yield own
        finally:
            runner.run(own.__aexit__(None, None, None))
    finally:
        del item.stash[RUNNER]
        runner.close()


@pytest.fixture
def kubeconfig(request: pytest.FixtureRequest, cluster: Any) -> str:
    """Path of an administrator's kubeconfig for the test's cluster, served by HTTPS."""
    return str(_now(request, cluster.serve()).kubeconfig)


@pytest.fixture
def kube_api_client(kubeconfig: str) -> Generator[Any, None, None]:
    """An `ApiClient` of the official `kubernetes` package: `kubernetes.client.CoreV1Api(kube_api_client)`."""
    from kubernetes import config

    client: Any = config.new_client_from_config(kubeconfig)  # type: ignore[no-untyped-call]
    yield client
    client.rest_client.pool_manager.clear()
    client.close()


@pytest.fixture
def lightkube_client(request: pytest.FixtureRequest, kubeconfig: str) -> Any:
    """A `lightkube.Client` in the namespace `default` (an `AsyncClient` for an async test)."""
    import lightkube

    make = lightkube.AsyncClient if _is_async(request.node) else lightkube.Client
    return make(config=lightkube.KubeConfig.from_file(kubeconfig), namespace="default")


@pytest.fixture
def kr8s_api(request: pytest.FixtureRequest, kubeconfig: str) -> Any:
    """A kr8s API (`kr8s.asyncio` for an async test)."""
    import kr8s
    import kr8s.asyncio

    if _is_async(request.node):
        return _now(request, kr8s.asyncio.api(kubeconfig=kubeconfig))
    return kr8s.api(kubeconfig=kubeconfig)


def _now(request: pytest.FixtureRequest, result: Any) -> Any:
    """The result itself, waited for in the test's loop where it is a coroutine."""
    return request.node.stash[RUNNER].run(result) if inspect.iscoroutine(result) else result


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs an async test in the loop of its cluster, also where pytest-asyncio has wrapped it to run in another."""
    runner = pyfuncitem.stash.get(RUNNER, None)
    if runner is None:
        return None
    function = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        function = getattr(function, "__wrapped__", None)
        if not inspect.iscoroutinefunction(function):
            return None
    names = pyfuncitem._fixtureinfo.argnames
    runner.run(function(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Async fixtures of tests that use `cluster` run in its loop too (pytest-asyncio then finds plain functions)."""
    function = fixturedef.func
    asynchronous = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    if asynchronous and "cluster" in request.fixturenames and _is_async(request.node):
        request.getfixturevalue("cluster")
        fixturedef.func = _waited(function, request)  # type: ignore[misc]
        try:
            return (yield)
        finally:
            fixturedef.func = function  # type: ignore[misc]
    return (yield)


def _waited(function: Any, request: pytest.FixtureRequest) -> Any:
    """A plain fixture function that runs an async one in the test's loop."""
    runner: Runner = request.node.stash[RUNNER]

    def value(**arguments: Any) -> Any:
        return runner.run(function(**arguments))

    def yielded(**arguments: Any) -> Generator[Any, None, None]:
        generator = function(**arguments)
        yield runner.run(anext(generator))
        try:
            runner.run(anext(generator))
        except StopAsyncIteration:
            return
        raise RuntimeError(f"{function.__name__} yields more than once")

    return yielded if inspect.isasyncgenfunction(function) else value
