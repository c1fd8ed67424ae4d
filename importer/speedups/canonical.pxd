from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy


cdef enum:
    DIGITS = 15  # of a decimal that a double surely holds, with its point and sign (IEEE 754)
    WHOLE_DIGITS = 18  # of an integer that surely fits 64 bits


cdef class Room:
    """Bytes that grow at their end. Whoever writes has asked for room, for all that may come."""

    cdef char* base
    cdef char* at  # behind the last
    cdef Py_ssize_t size

    cdef int ask(self, Py_ssize_t more) except -1

    cdef inline void put(self, const char* text, Py_ssize_t size) noexcept:
        memcpy(self.at, text, size)
        self.at += size

    cdef inline Py_ssize_t used(self) noexcept:
        return self.at - self.base


cdef struct Member:  # of an object
    const char* key
    Py_ssize_t key_size
    uint64_t first  # the key's first bytes, which nearly always suffice to compare
    Py_ssize_t start  # where key and value stand among what was written
    Py_ssize_t size


cdef struct Limits:  # of values
    Py_ssize_t text  # characters
    Py_ssize_t keys  # of an object
    Py_ssize_t elements  # of an array
    int nesting  # objects in one another
    PyObject* number_of  # gives the bytes of a number that takes a second look, or None


cdef inline const char* blanks(const char* p, const char* end) noexcept:
    """Return where the blanks of JSON end."""
    while p < end and (p[0] == c" " or p[0] == c"\t" or p[0] == c"\n" or p[0] == c"\r"):
        p += 1
    return p


cdef bint is_longer(const char* text, Py_ssize_t size, Py_ssize_t most) noexcept
cdef void put_text(Room room, const char* text, Py_ssize_t size, int quote) noexcept
cdef void put_integer(Room room, int64_t number) noexcept
cdef const char* put_number(Room room, const char* p, const char* end, Py_ssize_t most) noexcept
cdef const char* put_value(
    Room room, const char* p, const char* end, const Limits* limits, int objects, int deep
) except? NULL
cdef const char* end_of_key(const char* p, const char* end) noexcept
cdef const char* end_of_decimal(const char* p, const char* end, const char** point) noexcept
cdef const char* end_of_number(const char* p, const char* end) noexcept
cdef const char* read_key(const char* p, const char* end, Member* member) noexcept
cdef void put_key(Room room, Member* member) noexcept
cdef void set_key(Member* member, const char* key, Py_ssize_t size) noexcept
cdef bint sort(Member* members, Py_ssize_t count) noexcept
