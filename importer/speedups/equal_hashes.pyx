# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Finds equal hashes among rows of numbers of 64 bits, the first of which is a hash."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memset

cdef enum:
    RADIX_BITS = 8
    RADIX = 1 << RADIX_BITS
    MOST_WIDTH = 8  # numbers in a row


def split_rows(const uint8_t[::1] rows not None, Py_ssize_t width, Py_ssize_t parts):
    """Return rows in parts, by the remainder of their hash: equal ones are in one part, in the order of the rows.

    Args:
        rows: Rows of ``width`` numbers.
        width: Numbers in a row.
        parts: How many there are, a power of two.
    """
    cdef Py_ssize_t count = count_rows(rows, width), n, part
    cdef const uint64_t* row = <const uint64_t*> &rows[0] if count else NULL
    cdef Py_ssize_t* sizes
    cdef list made = []
    if parts < 1 or parts & (parts - 1):
        raise ValueError("not a power of two")
    sizes = <Py_ssize_t*> PyMem_Malloc(parts * (sizeof(Py_ssize_t) + sizeof(char*)))
    if sizes == NULL:
        raise MemoryError
    cdef char** ends = <char**> (sizes + parts)
    try:
        memset(sizes, 0, parts * sizeof(Py_ssize_t))
        for n in range(count):
            sizes[row[n * width] & <uint64_t> (parts - 1)] += 8 * width
        for part in range(parts):
            made.append(PyBytes_FromStringAndSize(NULL, sizes[part]))
            ends[part] = PyBytes_AS_STRING(made[part])
        for n in range(count):
            part = row[0] & <uint64_t> (parts - 1)
            memcpy(ends[part], row, 8 * width)
            ends[part] += 8 * width
            row += width
    finally:
        PyMem_Free(sizes)
    return made


def number_rows(bytes hashes not None, list places not None, uint64_t first):
    """Return rows of a hash and a number.

    Args:
        hashes: 8 bytes each.
        places: Those of the hashes that are wanted.
        first: The number of the first of all hashes; that of each other is one more.
    """
    cdef bytes rows = PyBytes_FromStringAndSize(NULL, 16 * len(places))
    cdef uint64_t* out = <uint64_t*> PyBytes_AS_STRING(rows)
    cdef uint64_t* given = <uint64_t*> PyBytes_AS_STRING(hashes)
    cdef Py_ssize_t count = PyBytes_GET_SIZE(hashes) // 8, place
    for place in places:
        if not 0 <= place < count:
            raise IndexError(place)
        out[0], out[1] = given[place], first + <uint64_t> place
        out += 2
    return rows


def all_differ(const uint8_t[::1] hashes not None):
    """Return whether no two of some hashes are equal: 8 bytes each."""
    cdef bytes ordered = sorted_rows(hashes, 1)
    cdef uint64_t* row = <uint64_t*> PyBytes_AS_STRING(ordered)
    cdef Py_ssize_t n
    for n in range(1, PyBytes_GET_SIZE(ordered) // 8):
        if row[n] == row[n - 1]:
            return False
    return True


def numbers_of_copies(const uint8_t[::1] rows not None):
    """Return the number in each row whose hash a row above it has, too.

    Args:
        rows: Rows of a hash and a number.
    """
    cdef bytes ordered = sorted_rows(rows, 2)
    cdef uint64_t* row = <uint64_t*> PyBytes_AS_STRING(ordered)
    cdef Py_ssize_t n
    return [row[2 * n + 1] for n in range(1, PyBytes_GET_SIZE(ordered) // 16) if row[2 * n] == row[2 * n - 2]]


cdef bytes sorted_rows(const uint8_t[::1] rows, Py_ssize_t width):
    """Return rows sorted by their hash; those of one hash stay in their order."""
    cdef Py_ssize_t count = count_rows(rows, width), n, size = 8 * width
    cdef bytes one = PyBytes_FromStringAndSize(NULL, count * size)
    cdef bytes other = PyBytes_FromStringAndSize(NULL, count * size)
    cdef char* source
    cdef char* target
    cdef Py_ssize_t[RADIX] starts
    cdef int shift, digit
    if not count:
        return b""
    memcpy(PyBytes_AS_STRING(one), &rows[0], count * size)
    for shift in range(0, 64, RADIX_BITS):
        source, target = PyBytes_AS_STRING(one), PyBytes_AS_STRING(other)
        memset(starts, 0, sizeof(starts))
        for n in range(count):
            starts[digit_of(source + n * size, shift)] += 1
        add_up(starts)
        for n in range(count):
            digit = digit_of(source + n * size, shift)
            memcpy(target + starts[digit] * size, source + n * size, size)
            starts[digit] += 1
        one, other = other, one
    return one


cdef inline int digit_of(const char* row, int shift) noexcept:
    cdef uint64_t hashed
    memcpy(&hashed, row, 8)
    return hashed >> shift & (RADIX - 1)


cdef void add_up(Py_ssize_t* counts) noexcept:
    """Turn counts into the places where each begins."""
    cdef Py_ssize_t n, start = 0, count
    for n in range(RADIX):
        count = counts[n]
        counts[n] = start
        start += count


cdef Py_ssize_t count_rows(const uint8_t[::1] rows, Py_ssize_t width) except -1:
    if not 1 <= width <= MOST_WIDTH or rows.shape[0] % (8 * width):
        raise ValueError("not rows of so many numbers")
    return rows.shape[0] // (8 * width)
