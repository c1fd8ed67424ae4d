# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Times in the usual forms: epochs, and ISO 8601 with seconds."""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memcmp, memcpy

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    NS_PER_S = 1_000_000_000
    NANO_DIGITS = 9
    MOST_DIGITS = 18
    HOUR = 14  # "2024-05-01T10:"
    MINUTE = 17
    SECOND = 19
    CACHE_SIZE = 10_000

# In the year 2255: what is added to it still fits 64 bits.
LATEST = 9_000_000_000_000_000_000


cdef class Times:
    """Reads times. When an hour starts is asked once; the minutes and seconds in it are added.

    Args:
        units: The units of epochs: `importer.events.times.EpochUnit`.
        forms: The names of ISO 8601 with a zone and without one.
        start_of: Returns when an hour starts, or a minute where no zone is written (clocks may change within
            an hour), in nanoseconds since the epoch. Its arguments are the text ahead of the minutes (or of the
            seconds) and the zone. None if the hour has times that are not read in one way.
    """

    def __init__(self, *, units, forms, start_of):
        cdef Py_ssize_t n
        if len(units) > MOST_UNITS:
            raise ValueError("too many units")
        self.unit_count = len(units)
        for n, (_, lowest, highest, nanoseconds) in enumerate(units):
            self.units[n].lowest, self.units[n].highest = lowest, highest
            self.units[n].nanoseconds = nanoseconds
        self.names = (*[unit[0] for unit in units], *forms)
        self.start_of, self.starts = start_of, {}
        self.hour_size = self.hour_whole = 0

    def read(self, values not None, forms not None):
        """Return the nanoseconds since the epoch of each value, and None for one that is not in a usual form.

        Args:
            values: Texts; for all other values the result is None.
            forms: Gets the number of times that are written in each form, added to what it holds.
        """
        cdef int[FORMS] counts
        cdef Py_ssize_t n, size
        cdef const char* text
        cdef int64_t found
        cdef list instants = []
        for n in range(FORMS):
            counts[n] = 0
        for value in values:
            found = -1
            if type(value) is str and value.isascii():
                text = PyUnicode_AsUTF8AndSize(value, &size)
                found = self.instant(text, size)
            if found < 0:
                instants.append(None)
            else:
                instants.append(found)
                counts[self.form] += 1
        for n in range(len(self.names)):
            if counts[n]:
                forms[self.names[n]] += counts[n]
        return instants

    cdef int64_t instant(self, const char* text, Py_ssize_t size) except? -1:
        """Return the nanoseconds since the epoch; -1 if the form is not known, or before the epoch."""
        if SECOND <= size <= LONGEST and text[4] == c"-":
            return self.clock(text, size)
        return self.epoch(text, size)

    cdef int64_t epoch(self, const char* text, Py_ssize_t size) noexcept:
        cdef int64_t number = 0
        cdef Py_ssize_t n
        if not 0 < size <= MOST_DIGITS:
            return -1
        for n in range(size):
            if not c"0" <= text[n] <= c"9":
                return -1
            number = 10 * number + text[n] - c"0"
        for n in range(self.unit_count):
            if self.units[n].lowest <= number < self.units[n].highest:
                self.form = n
                return number * self.units[n].nanoseconds
        return -1

    cdef int64_t clock(self, const char* text, Py_ssize_t size) except? -1:
        """Read ISO 8601 with seconds: the start of its hour or minute, to which the rest is added."""
        cdef Py_ssize_t at = SECOND, n, digits = 0
        cdef int64_t fraction = 0, start
        cdef int minute, second
        for n in (14, 15, 17, 18):
            if not c"0" <= text[n] <= c"9":
                return -1
        minute = (text[14] - c"0") * 10 + text[15] - c"0"
        second = (text[17] - c"0") * 10 + text[18] - c"0"
        if text[16] != c":" or minute > 59 or second > 59:
            return -1
        if at < size and (text[at] == c"." or text[at] == c","):
            at += 1
            while at < size and digits < NANO_DIGITS and c"0" <= text[at] <= c"9":
                fraction = 10 * fraction + text[at] - c"0"
                digits += 1
                at += 1
            if not digits:
                return -1
            for n in range(digits, NANO_DIGITS):
                fraction *= 10
        if at < size:
            if text[at] == c"." or text[at] == c"," or c"0" <= text[at] <= c"9":
                return -1  # no zone; and no hour with one may look like a minute without
            start = self.start(text, HOUR, text + at, size - at)
            second += 60 * minute
            self.form = self.unit_count
        else:
            start = self.start(text, MINUTE, text + at, 0)
            self.form = self.unit_count + 1
        return -1 if start < 0 else start + second * <int64_t> NS_PER_S + fraction

    cdef int64_t start(self, const char* head, Py_ssize_t whole, const char* zone, Py_ssize_t size) except? -1:
        """Return when an hour or a minute starts; -1 if ``start_of`` returns None, or before the epoch."""
        cdef bytes key
        if (
            whole == self.hour_whole
            and size == self.hour_size - whole
            and memcmp(self.hour, head, whole) == 0
            and memcmp(self.hour + whole, zone, size) == 0
        ):
            return self.hour_start
        key = head[:whole] + zone[:size]
        found = self.starts.get(key, self)
        if found is self:
            found = self.start_of(
                PyUnicode_DecodeUTF8(head, whole, NULL), PyUnicode_DecodeUTF8(zone, size, NULL)
            )
            if len(self.starts) > CACHE_SIZE:
                self.starts.clear()
            self.starts[key] = found
        memcpy(self.hour, PyBytes_AS_STRING(key), whole + size)
        self.hour_whole, self.hour_size = whole, whole + size
        self.hour_start = -1 if found is None or not 0 <= found <= LATEST else found
        return self.hour_start
