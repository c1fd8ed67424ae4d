# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Hashes of the events of a block: XXH3, of what Mixpanel tells events apart by."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from importer.speedups.canonical cimport Buffer
from importer.speedups.event_block cimport EventBlock, Item, Text

cdef extern from *:
    """
    #define XXH_INLINE_ALL
    #include "xxhash.h"
    """
    ctypedef struct XXH128_hash_t:
        uint64_t low64
        uint64_t high64
    XXH128_hash_t XXH3_128bits(const void* text, size_t size) noexcept
    uint64_t XXH3_64bits(const void* text, size_t size) noexcept

cdef enum:
    FINGERPRINT = 5  # numbers


cdef inline int put_place(Buffer key, EventBlock block, Text* place) except -1:
    """Write a text and its size, so that where it ends is part of what is hashed."""
    key.reserve(place.size + sizeof(int64_t))
    key.put(block.texts.base + place.start, place.size)
    key.put(<const char*> &place.size, sizeof(place.size))
    return 0


cdef int put_key(Buffer key, EventBlock block, Item* item, int64_t time) except -1:
    """Write ``$insert_id``, name, user and a time."""
    key.at = key.base
    put_place(key, block, &item.insert_id)
    put_place(key, block, &item.name)
    put_place(key, block, &item.user)
    key.reserve(sizeof(time))
    key.put(<const char*> &time, sizeof(time))
    return 0


def hash_events(EventBlock block not None, Py_ssize_t start, Py_ssize_t stop, bint by_id):
    """Return the hash of what Mixpanel tells each event between two places apart by: 8 bytes each, never 0.

    Args:
        block: Events and rejections.
        start: The first place.
        stop: The last, which is not part of it.
        by_id: True if ``$insert_id`` alone is hashed; else name, user and time, too.
    """
    cdef Py_ssize_t n, count = 0
    cdef bytes hashes
    cdef uint64_t* out
    cdef uint64_t found
    cdef Item* item
    cdef Buffer key = Buffer()
    if not 0 <= start <= stop <= block.count:
        raise IndexError(start, stop)
    for n in range(start, stop):
        count += block.items[n].is_event
    hashes = PyBytes_FromStringAndSize(NULL, 8 * count)
    out = <uint64_t*> PyBytes_AS_STRING(hashes)
    for n in range(start, stop):
        item = &block.items[n]
        if not item.is_event:
            continue
        if by_id:
            found = XXH3_64bits(block.texts.base + item.insert_id.start, item.insert_id.size)
        else:
            put_key(key, block, item, item.time)
            found = XXH3_64bits(key.base, key.used())
        out[0] = found if found else 1
        out += 1
    return hashes


def fingerprints(EventBlock block not None, int64_t day):
    """Return what a collision audit compares of each event: five numbers of 8 bytes.

    Args:
        block: Events and rejections.
        day: Milliseconds of a day.

    Returns:
        Two numbers that are equal for events which share ``$insert_id``, name, user and day; one for the body; the
        time; and the row.
    """
    cdef bytes made = PyBytes_FromStringAndSize(NULL, 8 * FINGERPRINT * block.events)
    cdef uint64_t* out = <uint64_t*> PyBytes_AS_STRING(made)
    cdef XXH128_hash_t hashed
    cdef Py_ssize_t n
    cdef Item* item
    cdef Buffer key = Buffer()
    for n in range(block.count):
        item = &block.items[n]
        if not item.is_event:
            continue
        put_key(key, block, item, item.time // day)
        hashed = XXH3_128bits(key.base, key.used())
        out[0], out[1] = hashed.high64, hashed.low64
        out[2] = XXH3_64bits(block.lines.base + item.body, block.end_of(n) - item.body - 1)
        out[3], out[4] = <uint64_t> item.time, <uint64_t> item.row
        out += FINGERPRINT
    return made
