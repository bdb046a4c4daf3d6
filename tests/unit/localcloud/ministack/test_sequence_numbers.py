from localcloud.ministack.sequence_numbers import SequenceNumbers


def test_number_grows_although_the_clock_is_set_back():
    moments = iter([1_000.0, 1_000.001, 400.0, 1_000.002])
    numbers = SequenceNumbers(lambda: next(moments))
    taken = [numbers.next() for _ in range(4)]
    assert taken == sorted(taken)
    assert len(set(taken)) == 4


def test_form_is_that_of_ministack():
    assert SequenceNumbers(lambda: 1_795_939_829.727).next() == "000000017959398297270000000001"
