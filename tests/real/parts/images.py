"""The images of the tests, built from Debian's packages and this machine's files: busybox, nginx, python.

Built once into `.cache/images` of the checkout, and again when this file changes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

from pybernetes.host.ociimage import ImageConfig, write_archive

CACHE = Path(__file__).parents[3] / ".cache" / "images"
APPLETS = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
RESOLVER_LIBRARIES = ("libresolv.so.2", "libnss_dns.so.2", "libnss_files.so.2")


def built() -> dict[str, Path]:
    """Image names without registry (`library/nginx:latest`) and their OCI archives."""
    stamp = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    directory = CACHE / stamp
    if not (directory / "done").exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        directory.mkdir(parents=True)
        for name, (fill, config) in RECIPES.items():
            root = directory / "root"
            root.mkdir()
            fill(root)
            write_archive(directory / f"{name}.tar", f"docker.io/library/{name}:latest", root, config)
            shutil.rmtree(root)
        (directory / "done").touch()
    return {f"library/{name}:latest": directory / f"{name}.tar" for name in RECIPES}


def _base(root: Path) -> None:
    """Directories, users, and busybox with its applets, dynamic so that names are resolved by DNS."""
    for name in (
        "bin",
        "etc",
        "tmp",
        "root",
        "var/log",
        "var/run",
        "usr/bin",
        "usr/sbin",
        "lib",
        "proc",
        "sys",
        "dev",
    ):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"
    )
    (root / "etc/group").write_text("root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n")
    (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    _program(root, Path(shutil.which("busybox") or "/bin/busybox"), "bin/busybox")
    for library in RESOLVER_LIBRARIES:
        _copy(root, _library_directory() / library)
    for applet in APPLETS:
        link = root / "bin" / applet
        if not link.exists():
            link.symlink_to("busybox")


def _nginx(root: Path) -> None:
    """nginx from its Debian package, logging to the container's output."""
    _base(root)
    packages = root.parent / "packages"
    packages.mkdir()
    subprocess.run(
        ["apt-get", "download", "-qq", "nginx", "nginx-common"], cwd=packages, check=True, capture_output=True
    )
    unpacked = root.parent / "unpacked"
    for package in packages.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(unpacked)], check=True)
    _program(root, unpacked / "usr/sbin/nginx", "usr/sbin/nginx")
    configuration = root / "etc/nginx"
    configuration.mkdir()
    shutil.copy(unpacked / "etc/nginx/mime.types", configuration)
    (configuration / "nginx.conf").write_text(NGINX)
    for name in ("var/log/nginx", "var/lib/nginx", "usr/share/nginx/html", "run"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "usr/share/nginx/html/index.html").write_text("<title>Welcome to nginx!</title>\n")
    shutil.rmtree(packages)
    shutil.rmtree(unpacked)


NGINX = """
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr notice;
events { worker_connections 256; }
http {
  include mime.types;
  access_log /dev/stdout;
  server { listen 80; root /usr/share/nginx/html; index index.html; }
}
"""


def _python(root: Path) -> None:
    """The Python that runs the tests, at the same place, with the official Kubernetes client of this environment."""
    _base(root)
    program = Path(sys.executable).resolve()
    _program(root, program, str(program).lstrip("/"))
    library = Path(sysconfig.get_path("stdlib"))
    ignore = shutil.ignore_patterns(
        "test", "tests", "__pycache__", "idlelib", "lib2to3", "site-packages", "config-*"
    )
    shutil.copytree(library, root / str(library).lstrip("/"), ignore=ignore)
    for module in (library / "lib-dynload").glob("*.so"):
        _needed(root, module)
    (root / "usr/bin/python3").symlink_to(program)
    for distribution in _with_requirements("kubernetes"):
        for file in distribution.files or ():
            source = Path(str(file.locate()))
            if ".." not in file.parts and "__pycache__" not in file.parts and source.is_file():
                target = root / "opt/packages" / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
                if source.suffix == ".so":
                    _needed(root, source)


def _with_requirements(name: str) -> list[importlib.metadata.Distribution]:
    """A distribution and all that it needs (extras aside)."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        try:
            found[current] = importlib.metadata.distribution(current)
        except importlib.metadata.PackageNotFoundError:
            continue  # needed on other platforms only
        needed = [text for text in found[current].requires or () if "extra ==" not in text]
        waiting += [re.split(r"[^A-Za-z0-9_.-]", text, maxsplit=1)[0].lower() for text in needed]
    return [*found.values()]


PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
Recipe = tuple[Callable[[Path], None], ImageConfig]
RECIPES: dict[str, Recipe] = {
    "busybox": (_base, ImageConfig(cmd=("sh",))),
    "nginx": (_nginx, ImageConfig(cmd=("nginx", "-g", "daemon off;"), stop_signal="SIGQUIT")),
    "python": (_python, ImageConfig(cmd=("python3",), env=(PATH, "PYTHONPATH=/opt/packages"))),
}


def _program(root: Path, source: Path, target: str) -> None:
    """Copies a program with the libraries that it is linked to."""
    (root / target).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, root / target)
    (root / target).chmod(0o755)
    _needed(root, source)


def _needed(root: Path, program: Path) -> None:
    linked = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    for word in linked.split():
        if word.startswith("/") and ".so" in word:
            _copy(root, Path(word))


def _copy(root: Path, library: Path) -> None:
    target = root / str(library).lstrip("/")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)


def _library_directory() -> Path:
    linked = subprocess.run(["ldd", "/bin/sh"], capture_output=True, text=True, check=True).stdout
    return next(Path(word).parent for word in linked.split() if "libc.so" in word and word.startswith("/"))
