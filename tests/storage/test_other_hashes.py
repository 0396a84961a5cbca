"""Files of an index that states other hashes than SHA-256."""

import hashlib
from pathlib import Path

import pytest

from pypisync.errors import Malformed
from pypisync.storage.pool import Pool
from tests.storage.test_pool import DATA, ask, files_below, put


@pytest.mark.parametrize("kind", ["sha512", "sha384", "sha3_256", "md5"])
def test_other_bytes_are_refused_and_forgotten(tmp_path: Path, kind: str) -> None:
    stated = f"{kind}:{hashlib.new(kind, DATA).hexdigest()}"
    pool, wanted = Pool(tmp_path), ask(sha256="", stated=stated)
    with pytest.raises(Malformed, match=f"{kind} is [0-9a-f]+, upstream states {stated}"):
        put(pool, wanted, bytes(len(DATA)))
    assert files_below(tmp_path) == []
    part = pool.part(wanted)  # what an earlier try has left counts with the rest
    part.write(DATA[:1000])
    part.close()
    part = pool.part(wanted)
    assert not part.whole()
    part.write(DATA[1000:])
    assert part.whole()
    assert part.commit() == hashlib.sha256(DATA).hexdigest()
    assert pool.read(wanted.path, len(DATA)) == DATA
