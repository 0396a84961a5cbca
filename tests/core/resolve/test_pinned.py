"""What uv sees of a release that a root pins."""

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from pypisync.core.resolve.index import ListedFile, Offers
from pypisync.core.resolve.pinned import pinned
from pypisync.core.standards.requires_python import INSTALLERS
from tests.core.resolve.test_target_index import FILES, file, index_of, of_files, of_masks
from tests.core.universes import need, release
from tests.deep import scaled

SPLIT = [file("py3-none-any", yanked=True), file("cp311-cp311-manylinux_2_17_x86_64")]


@given(FILES)
@settings(max_examples=scaled(250))
def test_uv_takes_it_or_not_as_if_nothing_were_yanked_and_pip_as_ever(
    files: list[ListedFile],
) -> None:
    given_ = of_files(files)
    sound = of_files([replace(file, yanked=False) for file in files])
    for one in (given_, of_masks(files)):
        [found] = pinned(Offers({"a": [one]}), [need("a==1")]).get("a")
        for by, like in zip(INSTALLERS, (given_, sound), strict=True):
            is_passed = [by in u.passed for u in index_of(found, reader=by).usable("a")]
            assert is_passed == [by in u.passed for u in index_of(like, reader=by).usable("a")]


@pytest.mark.parametrize("machines", [None, (1, 2, 2), (1, 2, 3)])
def test_uv_needs_what_the_file_requires_that_it_takes_then(
    machines: tuple[int, int, int] | None,
) -> None:
    stated = release("a 1", ["b"])
    one = replace(stated, needs=(replace(stated.needs[0], machines=machines),))
    one = replace(one, files=(), serves=(3, 3))
    [found] = pinned(Offers({"a": [one]}), [need("a==1")]).get("a")
    assert found.needs[0].machines == (None if machines is None else (1, machines[2], machines[2]))
    assert (found == one) == (machines is None or machines[1] == machines[2])


@pytest.mark.parametrize(
    ("asked", "pins"),
    [
        (["a==1"], True), (["a==1.0.0"], True), (["a===1"], True), (["b", "a[x]==1"], True),
        (["a==1", "a==2"], True), (["a"], False), (["a==1.*"], False), (["a>=1,==1"], False),
        (["a==1,<2"], False), (["a<=1"], False), (["a~=1.0"], False), (["a==2"], False),
        (["a===x"], False), (["a==1+local"], False), (["b==1"], False), ([], False),
    ],
)  # fmt: skip
def test_one_equality_with_a_version_is_a_pin(asked: list[str], pins: bool) -> None:
    offers = Offers({"a": [of_files(SPLIT)], "b": []})
    found = pinned(offers, map(need, asked))
    assert (found is not offers) == pins
    assert found.get("a")[0].root_pins == pins


def test_a_release_without_yanked_files_is_as_it_was() -> None:
    offers = Offers({"a": [of_files([replace(one, yanked=False) for one in SPLIT])]})
    assert pinned(offers, [need("a==1")]) is offers
