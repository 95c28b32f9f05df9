from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.content.loader import load_content
from bot.content.translations import content_hash, source_hash_of, source_path, write_all_source_hashes, write_source_hash
from bot.errors import ContentError
from tests.support.content_builder import ContentBuilder

ES = "pathways/visit_visa/es.md"
EN = "pathways/visit_visa/en.md"


def test_write_source_hash_changes_only_the_hash_when_the_source_changed(content: ContentBuilder) -> None:
    """The line of the hash changes and nothing else does."""
    content.edit(ES, "Dura diez días", "Dura", is_translated=False)
    before = content.path(EN).read_text(encoding="utf-8").splitlines()

    written = write_source_hash(content.path(EN))

    after = content.path(EN).read_text(encoding="utf-8").splitlines()
    different = [new for old, new in zip(before, after, strict=True) if old != new]
    assert written == content_hash(content.path(ES))
    assert different == [f'source_hash: "{written}"']


def test_write_source_hash_leaves_the_file_alone_when_it_is_true_already(content: ContentBuilder) -> None:
    """A second run does not touch the file, so that the bot does not read the folder again for nothing."""
    before = content.path(EN).stat().st_mtime_ns

    write_source_hash(content.path(EN))

    assert content.path(EN).stat().st_mtime_ns == before


def test_write_all_source_hashes_fills_destinations_when_hashes_are_placeholders(content: ContentBuilder) -> None:
    """A translation for a destination is stamped from the Spanish text of the same destination."""
    name = "pathways/visit_visa/us.en.md"
    true_hash = content_hash(content.path("pathways/visit_visa/us.es.md"))
    content.edit(name, true_hash, "0" * 12)

    assert write_all_source_hashes(content.folder) == 7
    assert load_content(content.folder).topics["visit_visa"].answers["us", "en"].source_hash == true_hash


def test_source_hash_of_is_that_of_the_text_when_the_file_is_a_source(content: ContentBuilder) -> None:
    """The Spanish file and its translation give the same hash, and the Spanish file is never written to."""
    before = content.path(ES).read_text(encoding="utf-8")

    assert source_path(content.path(ES)) is None
    assert source_hash_of(content.path(ES)) == source_hash_of(content.path(EN)) == write_source_hash(content.path(ES))
    assert content.path(ES).read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: content.delete(ES), id="no source"),
        pytest.param(lambda content: content.edit(EN, "source_hash:", "hash:"), id="no line"),
    ],
)
def test_write_source_hash_raises_when_it_cannot_write(
    content: ContentBuilder, spoil: Callable[[ContentBuilder], object]
) -> None:
    """A missing source or a missing line is said, never passed over."""
    spoil(content)

    with pytest.raises(ContentError):
        write_source_hash(content.path(EN))
