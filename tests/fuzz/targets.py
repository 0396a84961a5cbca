"""All targets by name, and what each begins with."""

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from pypisync.core.bundles import signatures
from tests.fuzz import bundles, documents, files, texts
from tests.sim import dists

CORPUS = Path(__file__).parent / "corpus"
TARGETS: Mapping[str, Callable[[bytes], None]] = {
    name: getattr(module, name)
    for module, names in (
        (documents, "page_json page_html root legacy xmlrpc content_range packed_body"),
        (files, "metadata requirement pyproject wheel entry_points sdist filename"),
        (bundles, "bundle_manifest bundle_part bundle_rows bundle_key"),
        (texts, "marker specifier selectors requirements_file lock_file http_head"),
    )
    for name in names.split()
}

_SHA = "ab" * 32
_FILE = {
    "filename": "a-1.0.tar.gz",
    "url": f"https://files.test/packages/ab/ab/{'ab' * 30}/a-1.0.tar.gz#x",
    "hashes": {"sha256": _SHA},
    "size": 3,
    "upload-time": "2026-01-01T00:00:00.1Z",
    "requires-python": ">=3.8",
    "yanked": "why",
    "core-metadata": {"sha256": _SHA},
    "provenance": "https://x.test/",
}
_LEGACY_FILE = {
    "filename": "a-1.0.tar.gz",
    "url": "https://files.test/a-1.0.tar.gz",
    "digests": {"sha256": _SHA, "md5": "ab" * 16},
    "yanked": False,
    "upload_time_iso_8601": "2026-01-01T00:00:00.1Z",
}
_DIST = dists.dist("a", "1.0", ["b>=1; python_version < '3.9'"], {"x": ["c"]}, ">=3.8", 10)
_LINK = (
    f'<a href="a-1.0-py3-none-any.whl#sha256={_SHA}" data-requires-python="&gt;=3.8" '
    f'data-yanked="" data-core-metadata="sha256={_SHA}" data-gpg-sig=true>a</a>'
)
_PAGE = {
    "meta": {"api-version": "1.4", "_last-serial": 7},
    "name": "A",
    "versions": ["1.0"],
    "project-status": {"status": "archived", "reason": "x"},
    "files": [_FILE],
}
_UV_LOCK = f"""version = 1
[[package]]
name = "a"
version = "1.0"
source = {{ registry = "https://x.test/" }}
wheels = [{{ url = "https://x.test/a.whl", hash = "sha256:{_SHA}" }}]
"""
_PYLOCK = f"""lock-version = "1.0"
[[packages]]
name = "a"
version = "1.0"
[[packages.wheels]]
name = "a.whl"
hashes = {{ sha256 = "{_SHA}" }}
"""
_POETRY_LOCK = f"""[[package]]
name = "a"
version = "1.0"
files = [{{ file = "a.whl", hash = "sha256:{_SHA}" }}]
[metadata]
lock-version = "2.1"
"""
_XMLRPC = (
    "<?xml version='1.0'?><methodResponse><params><param><value><array><data>"
    "<value><array><data><value><string>a</string></value><value><nil/></value>"
    "<value><int>1</int></value><value><string>create</string></value>"
    "<value><i8>9</i8></value></data></array></value>"
    "</data></array></value></param></params></methodResponse>"
)


def seeds(target: str) -> list[bytes]:
    """Returns sound inputs, from which others are made, and what was kept of earlier finds."""
    made = _SEEDS.get(target, ())
    kept = sorted((CORPUS / target).glob("*"))
    return [
        *(one.encode() if isinstance(one, str) else one for one in made),
        *(path.read_bytes() for path in kept),
    ]


_SDIST = dists.build_sdist(_DIST, "static", ("setuptools",), ()).content
_WHEEL = dists.build_wheel(_DIST).content
_SEEDS: Mapping[str, tuple[str | bytes, ...]] = {
    "bundle_manifest": (bundles.sound_manifest(),),
    "bundle_part": (bundles.sound_part(),),
    "bundle_rows": (bundles.sound_rows(),),
    "bundle_key": signatures.make(),
    "page_json": (json.dumps(_PAGE),),
    "page_html": (f'<!DOCTYPE html><meta name="pypi:repository-version" content="1.0">{_LINK}',),
    "root": (
        json.dumps({"meta": {"_last-serial": 9}, "projects": [{"name": "a", "_last-serial": 9}]}),
        '<!DOCTYPE html><a href="/simple/a/">a</a>',
    ),
    "legacy": (
        json.dumps(
            {
                "info": {"name": "a", "version": "1.0", "requires_dist": ["b"]},
                "last_serial": 9,
                "releases": {"1.0": [_LEGACY_FILE]},
                "urls": [_LEGACY_FILE],
                "vulnerabilities": [{"id": "V-1", "aliases": ["C-1"], "fixed_in": ["2"]}],
            }
        ),
    ),
    "xmlrpc": (_XMLRPC,),
    "content_range": (b"bytes 0-63/1000\n" + bytes(64),),
    "packed_body": (gzip.compress(b"ab" * 50, mtime=0) + gzip.compress(b"", mtime=0) + b"rest",),
    "metadata": (dists.metadata_text(_DIST),),
    "requirement": ("a[x,y] (>=1.0,<2) ; python_version < '3.9'", "a @ https://x.test/a.zip ; x"),
    "pyproject": ('[build-system]\nrequires = ["a>=1"]\n',),
    "wheel": (_WHEEL,),
    "entry_points": ("[console_scripts]\nx = a.b:c [d]\n# y\n[other]\nz = 1\n",),
    "sdist": (_SDIST, gzip.decompress(_SDIST), _WHEEL),
    "filename": ("a-1.0-1x-cp311.py3-abi3-manylinux_2_17_x86_64.whl", "foo_bar-1.0.post1.tar.gz"),
    "marker": (
        "python_version >= '3.8' and (os_name == 'nt' or 'x' in platform_release)",
        "extra == 'x' or 'linux' not in sys_platform",
    ),
    "specifier": (">=1.0,!=1.1.*,<2", "~=1.4.2a1", "===x", "==1.0+x", ">1.0.post1"),
    "selectors": ("2 latest", ">=1.0,<2 latest", "a[x,y]", "all"),
    "requirements_file": (
        f"a==1.0 \\\n  --hash=sha256:{_SHA}\n-r more.txt\n-c more.txt\nb[x]>1; os_name=='nt' # x\n",
        "# -*- coding: latin-1 -*-\n--index-url https://x.test/\n-e .\n",
    ),
    "lock_file": (_UV_LOCK, _PYLOCK, _POETRY_LOCK),
    "http_head": ("text/html;q=0.1, */*", "gzip;q=0, *", "bytes=-5\nW/", "bytes=0-99"),
}
