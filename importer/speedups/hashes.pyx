# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Hashes of records and of texts, a table that finds equal ones, and counts by hash.

Nobody gains by making two records of one hash: such a pair is counted as a copy, and that is all.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from importer.speedups.block cimport Block, Span
from importer.speedups.hashes cimport FACTOR, hash_of, not_zero

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    FIRST_SLOTS = 1 << 14
    BUCKET_BITS = 16
    NO_INSTANT = -1

cdef extern from *:
    """
    #define DAY_NS 86400000000000LL
    """
    int64_t DAY_NS


cdef uint64_t hash_of_text(uint64_t seed, object text) except? 0:
    """Return the hash of a text as UTF-8."""
    cdef Py_ssize_t size
    cdef const char* utf8
    try:
        utf8 = PyUnicode_AsUTF8AndSize(text, &size)
    except UnicodeEncodeError:  # a lone surrogate
        text = text.encode("utf-8", "surrogatepass")
        return hash_of(seed, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
    return hash_of(seed, utf8, size)


def hash_records(Block block not None):
    """Return the hash of the bytes of each record, without the end of its line: 8 bytes each."""
    cdef bytes hashes = PyBytes_FromStringAndSize(NULL, 8 * block.count)
    cdef uint64_t* out = <uint64_t*> PyBytes_AS_STRING(hashes)
    cdef const char* base = PyBytes_AS_STRING(block.data)
    cdef const char* file_end = base + PyBytes_GET_SIZE(block.data)
    cdef const char* start
    cdef const char* end
    cdef Span* span
    cdef Py_ssize_t n
    cdef int width = max(block.width, 1)
    for n in range(block.count):
        span = block.spans + n * width
        start = base + span.start
        span += width - 1
        end = base + span.start + span.size
        if block.width:  # the quotes around a first and a last cell are part of the record
            if start > base and <uint8_t> start[-1] == block.quote:
                start -= 1
            if end < file_end and <uint8_t> end[0] == block.quote:
                end += 1
        else:
            while end > start and (end[-1] == c" " or 9 <= end[-1] <= 13):
                end -= 1
            while start < end and (start[0] == c" " or 9 <= start[0] <= 13):
                start += 1
        out[n] = not_zero(hash_of(0, start, end - start))
    return hashes


def hash_cells(Block block not None, int cell, tuple nulls=()):
    """Return the hash of the text of each cell of a column: 8 bytes each, all 0 for a cell without a value.

    Args:
        block: Of CSV, or `Fields`.
        cell: The column.
        nulls: Texts that mean "no value" beside the empty cell, UTF-8.
    """
    cdef bytes hashes = PyBytes_FromStringAndSize(NULL, 8 * block.count)
    cdef uint64_t* out = <uint64_t*> PyBytes_AS_STRING(hashes)
    cdef const char* base = PyBytes_AS_STRING(block.data)
    cdef Span* span
    cdef Py_ssize_t n
    if not 0 <= cell < block.width:
        raise IndexError(cell)
    for n in range(block.count):
        span = block.spans + n * block.width + cell
        if not span.size or (nulls and block.place_of(span, nulls) >= 0):
            out[n] = 0
        elif span.doubled:
            out[n] = not_zero(hash_of_text(0, block.text(span)))
        else:
            out[n] = not_zero(hash_of(0, base + span.start, span.size))
    return hashes


def hash_own_ids(Block block not None, int cell, bytes legal not None, Py_ssize_t most, tuple refused not None):
    """Return the hash of each cell of a column that is an id as it is, and the places of the others.

    Args:
        block: Of CSV, or `Fields`.
        cell: The column.
        legal: The bytes that an id consists of.
        most: Most bytes of an id.
        refused: Texts, UTF-8, that are no ids.

    Returns:
        8 bytes each, all 0 for a cell that is no id; and the places of these.
    """
    cdef bytes hashes = PyBytes_FromStringAndSize(NULL, 8 * block.count)
    cdef uint64_t* out = <uint64_t*> PyBytes_AS_STRING(hashes)
    cdef const char* base = PyBytes_AS_STRING(block.data)
    cdef Span* span
    cdef Py_ssize_t n, at
    cdef uint8_t[256] is_legal
    cdef uint64_t refused_sizes = 0
    cdef uint8_t all_legal
    cdef bytes text
    cdef list others = []
    if not 0 <= cell < block.width:
        raise IndexError(cell)
    memset(is_legal, 0, sizeof(is_legal))
    for at in range(PyBytes_GET_SIZE(legal)):
        is_legal[<uint8_t> PyBytes_AS_STRING(legal)[at]] = 1
    for text in refused:
        refused_sizes |= <uint64_t> 1 << min(PyBytes_GET_SIZE(text), 63)
    for n in range(block.count):
        span = block.spans + n * block.width + cell
        all_legal = 0 < span.size <= most and not span.doubled
        if all_legal:
            for at in range(span.start, span.start + span.size):
                all_legal &= is_legal[<uint8_t> base[at]]
        if all_legal and refused_sizes >> min(span.size, 63) & 1 and block.place_of(span, refused) >= 0:
            all_legal = 0
        if all_legal:
            out[n] = not_zero(hash_of(0, base + span.start, span.size))
        else:
            out[n] = 0
            others.append(n)
    return hashes, others


def hash_texts(list texts not None):
    """Return the hash of each text as UTF-8: 8 bytes each, all 0 for an empty text."""
    cdef bytes hashes = PyBytes_FromStringAndSize(NULL, 8 * len(texts))
    cdef uint64_t* out = <uint64_t*> PyBytes_AS_STRING(hashes)
    cdef Py_ssize_t n
    for n in range(len(texts)):
        out[n] = not_zero(hash_of_text(0, texts[n])) if texts[n] else 0
    return hashes


cdef class SeenHashes:
    """A set of hashes that grows up to a limit: an open-addressed hash table.

    Args:
        most_slots: Slots at most, of 8 bytes each: a power of two. Three quarters of them are used.
    """

    cdef uint64_t* slots
    cdef Py_ssize_t slot_count, most_slots, used
    cdef uint64_t touched

    def __cinit__(self, Py_ssize_t most_slots):
        self.slot_count, self.most_slots, self.used = min(FIRST_SLOTS, most_slots), most_slots, 0
        self.slots = <uint64_t*> PyMem_Calloc(self.slot_count, sizeof(uint64_t))
        if self.slots == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.slots)

    def add(self, bytes hashes not None):
        """Add hashes.

        Args:
            hashes: 8 bytes each, none of them 0.

        Returns:
            The places of those that had been added before, and of those for which there is no room.
        """
        cdef Py_ssize_t count = PyBytes_GET_SIZE(hashes) // 8, n
        cdef uint64_t* given = <uint64_t*> PyBytes_AS_STRING(hashes)
        cdef uint64_t* slot
        cdef uint64_t touched = 0
        cdef list seen = [], left = []
        for n in range(count):  # so that memory is read for several hashes at a time
            touched ^= self.slots[given[n] & (self.slot_count - 1)]
        self.touched = touched  # so that no compiler leaves the loop out
        for n in range(count):
            if not given[n]:
                raise ValueError("a hash is 0")
            slot = self.find(given[n])
            if slot[0]:
                seen.append(n)
            elif 4 * self.used < 3 * self.slot_count:
                slot[0] = given[n]
                self.used += 1
            elif self.slot_count < self.most_slots:
                self.grow()
                self.find(given[n])[0] = given[n]
                self.used += 1
            else:
                left.append(n)
        return seen, left

    def hashes(self):
        """Return all hashes that were added: 8 bytes each, in any order."""
        cdef bytes found = PyBytes_FromStringAndSize(NULL, 8 * self.used)
        cdef uint64_t* out = <uint64_t*> PyBytes_AS_STRING(found)
        cdef Py_ssize_t n
        for n in range(self.slot_count):
            if self.slots[n]:
                out[0] = self.slots[n]
                out += 1
        return found

    def __reduce__(self):
        return _set_of, (self.most_slots, self.hashes())

    cdef uint64_t* find(self, uint64_t wanted) noexcept:
        """Return the slot of a hash, or the empty one where it belongs. There always is an empty one."""
        cdef Py_ssize_t at = wanted & (self.slot_count - 1)
        while self.slots[at] and self.slots[at] != wanted:
            at = (at + 1) & (self.slot_count - 1)
        return self.slots + at

    cdef int grow(self) except -1:
        cdef uint64_t* before = self.slots
        cdef Py_ssize_t count = self.slot_count, more = min(4 * count, self.most_slots), n
        cdef uint64_t* new = <uint64_t*> PyMem_Calloc(more, sizeof(uint64_t))
        if new == NULL:
            raise MemoryError
        self.slots, self.slot_count = new, more
        for n in range(count):
            if before[n]:
                self.find(before[n])[0] = before[n]
        PyMem_Free(before)
        return 0


def _set_of(Py_ssize_t most_slots, bytes hashes):
    made = SeenHashes(most_slots)
    made.add(hashes)
    return made


cdef inline Py_ssize_t bucket_of(uint64_t user, int64_t instant) noexcept:
    """Return the counter of a user on a day (UTC)."""
    cdef int64_t day = instant // DAY_NS
    if day * DAY_NS > instant:  # C rounds toward zero
        day -= 1
    return <Py_ssize_t> (((user ^ (<uint64_t> day * FACTOR)) * FACTOR) >> (64 - BUCKET_BITS))


def count_user_days(
    uint32_t[::1] counts not None, const uint8_t[::1] users not None, const uint8_t[::1] instants not None,
    int64_t missing=NO_INSTANT,
):
    """Count events by user and day, each pair in one of the counters, which it may share with other pairs.

    Args:
        counts: The counters: 2^16.
        users: The hash of the user of each event, 8 bytes each; 0 is no user, and is not counted.
        instants: Nanoseconds since the epoch of each event, 8 bytes each; -1 stands for none.
        missing: The instant of an event that has none; -1 if such an event is not counted.
    """
    cdef Py_ssize_t count = check_pairs(counts, users, instants), n
    cdef const uint64_t* given = <const uint64_t*> &users[0] if count else NULL
    cdef const int64_t* times = <const int64_t*> &instants[0] if count else NULL
    cdef int64_t instant
    for n in range(count):
        instant = times[n] if times[n] != NO_INSTANT else missing
        if given[n] and instant != NO_INSTANT:
            counts[bucket_of(given[n], instant)] += 1


def find_user_days(
    uint32_t[::1] counts not None, const uint8_t[::1] users not None, const uint8_t[::1] instants not None,
    uint32_t limit,
):
    """Return the places of the events whose counter is above a limit; arguments as for `count_user_days`."""
    cdef Py_ssize_t count = check_pairs(counts, users, instants), n
    cdef const uint64_t* given = <const uint64_t*> &users[0] if count else NULL
    cdef const int64_t* times = <const int64_t*> &instants[0] if count else NULL
    cdef list found = []
    for n in range(count):
        if given[n] and times[n] != NO_INSTANT and counts[bucket_of(given[n], times[n])] > limit:
            found.append(n)
    return found


cdef Py_ssize_t check_pairs(
    uint32_t[::1] counts, const uint8_t[::1] users, const uint8_t[::1] instants
) except -1:
    if counts.shape[0] != 1 << BUCKET_BITS or users.shape[0] != instants.shape[0] or users.shape[0] % 8:
        raise ValueError("the counters or the users are not as many as expected")
    return users.shape[0] // 8
