from libc.stdint cimport uint64_t


cdef enum:  # what a text is
    AN_ID
    A_NAME
    AN_IP
    ANOTHER


cdef class OddTexts:
    cdef list words  # for each first byte, those that begin with it: in lower case, UTF-8
    cdef uint64_t[256] sizes  # for each first byte, a bit for each size that they have

    cdef bint is_odd(self, const char* text, Py_ssize_t size, int kind) except -1
    cdef bint is_word(self, const char* text, Py_ssize_t size) except -1

cdef bint is_ipv4(const char* text, Py_ssize_t size) noexcept
