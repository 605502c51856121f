"""What the `proxy` subresources do to a request and its answer: where the path goes, what is rewritten on the way back.

Source: upstream's `apimachinery/pkg/util/proxy` (`UpgradeAwareHandler`, `Transport`).
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlsplit

from pybernetes.api.errors import ServiceUnavailable
from pybernetes.apiserver.connect.htmllinks import LinkRewriter
from pybernetes.apiserver.connect.rewritten import CODINGS, RewrittenBody
from pybernetes.wire.http.messages import Headers, Request, Response


def rest_of(request: Request, rest: str) -> str:
    """The backend's path, `/` first; a last `/` of the request stays."""
    last = "/" if rest and request.path.endswith("/") else ""
    return f"/{quote(rest)}{last}"


def target_of(request: Request, rest: str) -> str:
    """The backend's path with the query."""
    path = rest_of(request, rest)
    return f"{path}?{request.raw_query}" if request.raw_query else path


def redirect_of_root(request: Request, rest: str) -> Response | None:
    """The answer to `…/proxy`, below which relative links would lead elsewhere: the same with `/`. Only for whom reads;
    None: the backend answers."""
    if (
        rest
        or request.path.endswith("/")
        or request.method not in ("GET", "HEAD")
        or "upgrade" in request.headers
    ):
        return None
    query = f"?{request.raw_query}" if request.raw_query else ""
    return Response(301, (("Location", f"{request.raw_path}/{query}"),))


def passed_back(answer: Response, request: Request, rest: str, base: str) -> Response:
    """A backend's answer: its redirects and the links of its pages lead through the proxy again, and its word on other
    origins is not the API server's."""
    prefix = request.path.removesuffix("/").removesuffix(rest_of(request, rest).removesuffix("/"))
    hosts = (urlsplit(base).netloc, request.headers.get("host", ""))

    def rewrite(url: str) -> str:
        return _through(url, prefix, *hosts)

    told = Headers((name.lower(), value) for name, value in answer.headers)
    headers: Sequence[tuple[str, str]] = [
        (name, rewrite(value) if name.lower() == "location" else value)
        for name, value in answer.headers
        if not name.lower().startswith("access-control-")
    ]
    coding = told.get("content-encoding", "")
    if _is_page(answer, told) and request.method != "HEAD" and coding in CODINGS:
        headers = [pair for pair in headers if pair[0].lower() != "content-length"]
        answer.body = RewrittenBody(answer.body, coding, LinkRewriter(rewrite))
    answer.headers = headers
    return answer


def _is_page(answer: Response, told: Headers) -> bool:
    media = told.get("content-type", "").partition(";")[0].strip()
    return media == "text/html" and not told.get("location") and answer.status not in (204, 304)


def _through(url: str, prefix: str, backend: str, asked: str) -> str:
    """`url` as a client of the proxy has to ask for it: below `prefix`, where it is a path of the backend (`backend` is
    its host and port) or of the server that was asked for it (`asked`, whose name then stays)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if parts.netloc not in ("", backend, asked) or not parts.path.startswith("/"):
        return url
    path = parts.path if parts.path.startswith(prefix) else prefix + parts.path
    if not parts.netloc or parts.netloc != asked:
        parts = parts._replace(scheme="", netloc="")
    return parts._replace(path=path).geturl()


def unreachable(error: BaseException | None, base: str) -> ServiceUnavailable:
    """The error for a backend that did not answer."""
    if isinstance(error, ConnectionRefusedError):
        why = f"dial tcp {urlsplit(base).netloc}: connect: connection refused"
    elif isinstance(error, TimeoutError):
        why = f"dial tcp {urlsplit(base).netloc}: i/o timeout"
    else:
        why = str(error) or type(error).__name__
    return ServiceUnavailable(f"error trying to reach service: {why}")
