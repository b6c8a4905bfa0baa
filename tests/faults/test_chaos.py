"A short, seeded part of the fault suite: python -m tools.faults.chaos runs all of it"

from tools.faults import chaos


def test_nothing_is_lost_or_doubled(tmp_path):
    counts = chaos.main(tmp_path, kills=4, seed=3, check_every=2)
    assert (
        counts["kills"] >= 4
        and counts["kafka outages"] == 1
        and counts["checks with a difference"] == 0
    ), counts
