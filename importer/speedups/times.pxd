from libc.stdint cimport int64_t


cdef enum:
    MOST_UNITS = 4
    LONGEST = 64  # characters of a time
    FORMS = MOST_UNITS + 2

cdef int64_t LATEST  # nanoseconds since the epoch


cdef struct Unit:
    int64_t lowest
    int64_t highest
    int64_t nanoseconds


cdef class Times:
    cdef Unit[MOST_UNITS] units
    cdef int unit_count
    cdef object start_of
    cdef dict starts
    cdef char[2 * LONGEST] hour  # the hour, or the minute, that was read last
    cdef Py_ssize_t hour_size, hour_whole
    cdef int64_t hour_start
    cdef int form  # of the time that was read last
    cdef tuple names

    cdef int64_t instant(self, const char* text, Py_ssize_t size) except? -1
    cdef int64_t epoch(self, const char* text, Py_ssize_t size) noexcept
    cdef int64_t clock(self, const char* text, Py_ssize_t size) except? -1
    cdef int64_t start(self, const char* head, Py_ssize_t whole, const char* zone, Py_ssize_t size) except? -1
