from libc.stdint cimport uint64_t


cdef struct Slot:
    char* text
    Py_ssize_t size
    int value


cdef class Table:
    cdef Slot* slots
    cdef Py_ssize_t slot_count, count, most, bytes  # of the texts

    cdef int get(self, const char* text, Py_ssize_t size) noexcept
    cdef int put(self, const char* text, Py_ssize_t size, int value) except -1
    cdef void clear(self) noexcept
    cdef int grow(self) except -1
    cdef Slot* find(self, const char* text, Py_ssize_t size) noexcept


cdef struct Answer:
    bint given  # False where Python gave none
    const char* first
    Py_ssize_t first_size
    const char* second
    Py_ssize_t second_size


cdef class Answers:
    cdef Table table
    cdef Answer* answers
    cdef Py_ssize_t count, bytes  # of the answers
    cdef list kept
    cdef object ask

    cdef Answer* get(self, const char* text, Py_ssize_t size) except NULL


cdef class TextSet:
    cdef list texts  # for each first byte, those that begin with it
    cdef uint64_t[256] sizes  # for each first byte, a bit for each size that they have

    cdef bint holds(self, const char* text, Py_ssize_t size) except -1
