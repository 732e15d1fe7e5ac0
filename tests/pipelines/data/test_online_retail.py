"""The example profile on the real data, where it is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterpoint.errors import SourceError
from streamrec.features import daily_partials, training_features
from streamrec.source import raw_interactions
from streamrec.validation import validated_interactions

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data" / "online_retail"
SOURCE = f"{DATA},profile={ROOT / 'examples' / 'online_retail' / 'profile.toml'}"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="Online Retail (UCI, CC BY 4.0) is not at hand")


@needs_data
def test_the_first_day(day):
    raw = raw_interactions(day("2010-12-01"), SOURCE)
    assert raw.summary == {"rows": 1942, "filtered": 1166}
    assert raw.rows["event_type"].unique().to_list() == ["complete"]
    found = validated_interactions(raw.rows, day("2010-12-01"), {}, SOURCE)
    assert (len(found.rows), len(found.rejected)) == (1847, 95)
    assert set(found.rejected["check"]) == {"unique"}


@needs_data
def test_a_window_over_a_closed_day(day):
    partials = {}
    for key in [f"2010-12-{n:02}" for n in range(2, 9)]:
        rows = raw_interactions(day(key), SOURCE).rows
        partials[key] = daily_partials(validated_interactions(rows, day(key), {}, SOURCE).rows)
    assert partials["2010-12-04"].is_empty()
    assert len(training_features(partials, day("2010-12-08"))) > 5_000


@needs_data
def test_a_date_after_the_data(day):
    with pytest.raises(SourceError, match=r"no date 2011-03-01: it holds 68 files"):
        raw_interactions(day("2011-03-01"), SOURCE)


def test_without_the_data_its_origin_is_named(tmp_path, day):
    source = SOURCE.replace(str(DATA), str(tmp_path / "absent"))
    with pytest.raises(SourceError, match=r"UCI Machine Learning Repository.*CC BY 4.0"):
        raw_interactions(day("2010-12-01"), source)
