"""In which order the sources of a set are begun."""

from importer.pipeline.sets.job import begin_order


def test_large_sources_are_begun_first_and_the_others_in_their_order():
    sizes = [1, 2, 3, 900, 4, 1000, 5]
    assert begin_order(sizes, 2) == [5, 3, 0, 1, 2, 4, 6]


def test_one_worker_takes_the_sources_as_they_stand():
    assert begin_order([1, 100, 2], 1) == [0, 1, 2]


def test_sources_of_about_one_size_stay_in_their_order():
    sizes = [100 + at % 7 for at in range(1_000)]
    assert begin_order(sizes, 8) == list(range(1_000))
    assert begin_order([0, 0], 2) == [0, 1]
    assert begin_order([], 2) == []
