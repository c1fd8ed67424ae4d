from libc.stdint cimport int64_t, uint64_t

from importer.speedups.block cimport Block


cdef enum:
    MOST_UNITS = 4
    MOST_NAMES = 8
    MOST_STEPS = 32
    MOST_FORMS = MOST_UNITS + 3

cdef int64_t LATEST  # nanoseconds since the epoch


cdef struct Unit:
    uint64_t lowest
    uint64_t end
    int64_t nanoseconds


cdef struct Step:
    char what  # the letter of a directive; a character that stands for itself
    int least  # characters
    int most


cdef struct WallTime:
    int year
    int month
    int day
    int hour
    int minute
    int second
    int64_t nanoseconds


cdef struct LocalSpan:
    int64_t start  # seconds since 1970-01-01, by the clocks of the zone
    int64_t offset  # seconds ahead of UTC; UNKNOWN


cdef class Times:
    cdef Unit[MOST_UNITS] units
    cdef int unit_count
    cdef uint64_t[MOST_NAMES] utc_names
    cdef int utc_count
    cdef int most_hours  # of an offset
    cdef bint has_iso, are_epochs_local
    cdef Step[MOST_STEPS] steps
    cdef int step_count
    cdef int first_short_year
    cdef LocalSpan* spans
    cdef Py_ssize_t span_count
    cdef Py_ssize_t last  # the span that was found last
    cdef int form  # of the time that was read last
    cdef tuple names

    cdef int64_t instant(self, const char* text, Py_ssize_t size) noexcept nogil
    cdef int64_t number(self, const char* text, Py_ssize_t size) noexcept nogil
    cdef int64_t epoch(self, const char* text, Py_ssize_t size) noexcept nogil
    cdef int64_t iso(self, const char* text, Py_ssize_t size) noexcept nogil
    cdef int64_t by_steps(self, const char* text, Py_ssize_t size) noexcept nogil
    cdef int64_t instant_of(
        self, const WallTime* wall, const char* zone, Py_ssize_t size, int form
    ) noexcept nogil
    cdef int64_t offset(self, const char* text, Py_ssize_t size) noexcept nogil
    cdef int64_t local_offset(self, int64_t seconds) noexcept nogil
    cdef int add_counts(self, const Py_ssize_t* counts, forms) except -1
