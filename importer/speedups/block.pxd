from libc.stdint cimport int32_t, int64_t, uint64_t


cdef struct Span:
    int32_t start
    int32_t size
    int32_t doubled  # doubled quotes in it


cdef class Block:
    cdef readonly bytes data
    cdef readonly Py_ssize_t row
    cdef readonly Py_ssize_t start
    cdef readonly Py_ssize_t end
    cdef readonly int width
    cdef Py_ssize_t count  # of records
    cdef Span* spans  # of each cell of each record (CSV), or of each line
    cdef int64_t* lines
    cdef int quote
    cdef Py_ssize_t _capacity
    cdef object _read
    cdef list rejected  # in order: the rejections among the records

    cdef int grow(self, Py_ssize_t left) except -1
    cdef str text(self, Span* span)
    cdef object record_at(self, Py_ssize_t n, Py_ssize_t row)
    cdef Py_ssize_t place_of(self, Span* span, tuple texts) except -2


cdef struct Forms:  # a bit for each form of cells
    uint64_t low
    uint64_t high


cdef int form_of(const char* text, Py_ssize_t size) noexcept
cdef Forms forms_of(bits) except *


cdef inline bint is_among(const Forms* forms, int form) noexcept:
    return (forms.high if form & 64 else forms.low) >> (form & 63) & 1
