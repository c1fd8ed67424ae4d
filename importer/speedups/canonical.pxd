from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy


cdef enum:
    DIGITS = 15  # of a decimal that a double surely holds, with its point and sign (IEEE 754)
    WHOLE_DIGITS = 18  # of an integer that surely fits 64 bits
    DEEPEST = 8  # arrays and objects inside one another
    MOST_NESTED = 64  # keys of a nested object


cdef uint64_t SAFE_INTEGER  # up to which a double holds every integer
cdef uint64_t LEAST_INTEGER  # the magnitude of the least integer that JSON may hold here: of 64 bits, signed
cdef uint64_t MOST_INTEGER  # the largest one: of 64 bits, unsigned


cdef class Buffer:
    """Bytes that grow at their end. A writer reserves space first, for the most that it may write."""

    cdef char* base
    cdef char* at  # the end of what was written
    cdef Py_ssize_t size

    cdef int reserve(self, Py_ssize_t more) except -1

    cdef inline void put(self, const char* text, Py_ssize_t size) noexcept:
        if size:  # C knows no copy to or from nowhere, not even of nothing
            memcpy(self.at, text, size)
            self.at += size

    cdef inline Py_ssize_t used(self) noexcept:
        return self.at - self.base


cdef struct KeyValue:  # a member of an object
    const char* key
    Py_ssize_t key_size
    uint64_t leading  # the first eight bytes of the key: nearly all comparisons need no more
    Py_ssize_t start  # where key and value stand in the buffer
    Py_ssize_t size


cdef struct Limits:  # of values: `plan.EventLimits`
    Py_ssize_t text  # characters
    Py_ssize_t keys  # of an object
    Py_ssize_t elements  # of an array
    int nesting  # objects in one another
    PyObject* encode_number  # `plan.MappingPlan.encode_number`
    bint has_long  # set where a text of more characters was written


cdef inline const char* skip_blanks(const char* p, const char* end) noexcept:
    """Return where the blanks of JSON end."""
    while p < end and (p[0] == c" " or p[0] == c"\t" or p[0] == c"\n" or p[0] == c"\r"):
        p += 1
    return p


cdef inline const char* behind_member(const char* p, const char* end, char last, bint* is_last) noexcept:
    """Return what follows on a member of an object, or an element of an array, and what ends it.

    Args:
        p: Where its value ends.
        end: Of the text.
        last: The brace or bracket behind the last one.
        is_last: Set if that stood there; else it was a comma.

    Returns:
        NULL if there is neither.
    """
    p = skip_blanks(p, end)
    if p == end:
        return NULL
    is_last[0] = p[0] == last
    return p + 1 if is_last[0] or p[0] == c"," else NULL


cdef inline const char* end_of_decimal(const char* p, const char* end, const char** point) noexcept:
    """Return where a number ends, its exponent left aside (RFC 8259, section 6); NULL if it is none.

    Args:
        p: Where it begins.
        end: Of the text.
        point: Gets where its point stands, or else its end.
    """
    cdef const char* whole = p + (p < end and p[0] == c"-")
    p = whole
    while p < end and c"0" <= p[0] <= c"9":
        p += 1
    if p == whole or (whole[0] == c"0" and p - whole > 1):
        return NULL
    point[0] = p
    if p < end and p[0] == c".":
        p += 1
        while p < end and c"0" <= p[0] <= c"9":
            p += 1
        if p == point[0] + 1:
            return NULL
    return p


cdef int hex_of(const char* p) noexcept nogil
cdef bint is_longer(const char* text, Py_ssize_t size, Py_ssize_t most) noexcept
cdef bint is_longer_json(const char* text, Py_ssize_t size, Py_ssize_t most) noexcept
cdef void put_text(Buffer out, const char* text, Py_ssize_t size, int quote) noexcept
cdef void put_part_of_text(Buffer out, const char* text, Py_ssize_t size, int quote) noexcept
cdef void put_unescaped(Buffer out, const char* text, Py_ssize_t size) noexcept
cdef const char* end_of_written(const char* p) noexcept
cdef void put_integer(Buffer out, int64_t number) noexcept
cdef const char* put_number(Buffer out, const char* p, const char* end, Py_ssize_t most) noexcept
cdef const char* put_any_number(
    Buffer out, const char* p, const char* end, uint64_t least, uint64_t most
) except? NULL
cdef const char* put_value(
    Buffer out, const char* p, const char* end, Limits* limits, int objects, int deep
) except? NULL
cdef const char* end_of_key(const char* p, const char* end) noexcept
cdef const char* end_of_number(const char* p, const char* end) noexcept
cdef const char* read_key(const char* p, const char* end, KeyValue* member) noexcept
cdef void put_key(Buffer out, KeyValue* member) noexcept
cdef void set_key(KeyValue* member, const char* key, Py_ssize_t size) noexcept
cdef bint reorder(Buffer out, KeyValue* members, Py_ssize_t count, Py_ssize_t first) except -1
cdef bint sort_by_key(KeyValue* members, Py_ssize_t count) noexcept
