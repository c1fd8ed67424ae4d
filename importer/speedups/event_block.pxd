from libc.stdint cimport int32_t, int64_t

from importer.speedups.canonical cimport Buffer


cdef struct Text:  # a place in `EventBlock.texts`
    int32_t start
    int32_t size


cdef struct Item:  # an event, or a rejection
    int64_t row
    int64_t line
    int64_t time  # of an event: milliseconds since the epoch
    int32_t body  # where its body starts, or would start, in `EventBlock.lines`
    bint is_event
    bint is_skipped  # a rejection, of a record that the mapping leaves out
    int32_t number  # which of several events of its record it is, from 1; else 0
    Text name
    Text user
    Text insert_id
    Text note
    Text error  # of a rejection


cdef class EventBlock:
    cdef Item* items
    cdef Py_ssize_t count, capacity
    cdef readonly Py_ssize_t events
    cdef Buffer texts  # UTF-8; a lone surrogate is encoded like other characters
    cdef Buffer lines  # the bodies of the events, each with a newline behind it

    cpdef append(self, item)
    cdef int make_room(self, Py_ssize_t count, Py_ssize_t size) except -1
    cdef int grow(self, Py_ssize_t capacity) except -1
    cdef int fill(self, Item* new, item) except -1
    cdef Item* add(self) except NULL
    cdef int keep(self, Text* place, const char* text, Py_ssize_t size) except -1
    cdef int keep_str(self, Text* place, str text) except -1
    cdef int end_body(self, Item* item) except -1
    cdef str text(self, Text* place)
    cdef Py_ssize_t end_of(self, Py_ssize_t n) noexcept
    cdef object item(self, Py_ssize_t n)
