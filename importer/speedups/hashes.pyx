# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Hashes of records, users and events, a table that finds equal ones, and counts by hash.

The hash folds products of 128 bits, as wyhash does: it is quick, and the same in every process. Nobody gains by
making two records of one hash: such a pair is counted as a copy, and that is all.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from importer.speedups.block cimport Block, Span

cdef extern from *:
    """
    static inline uint64_t fold_product(uint64_t a, uint64_t b) {
    #ifdef __SIZEOF_INT128__
        __uint128_t product = (__uint128_t) a * b;
        return (uint64_t) product ^ (uint64_t) (product >> 64);
    #else
        uint64_t low_a = (uint32_t) a, high_a = a >> 32, low_b = (uint32_t) b, high_b = b >> 32;
        uint64_t low = low_a * low_b, middle = high_a * low_b + (low >> 32);
        uint64_t other = low_a * high_b + (uint32_t) middle;
        return ((other << 32) | (uint32_t) low) ^ (high_a * high_b + (middle >> 32) + (other >> 32));
    #endif
    }
    """
    uint64_t fold_product(uint64_t a, uint64_t b) noexcept

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    long long PyLong_AsLongLongAndOverflow(object number, int* overflow) except? -1

cdef enum:
    FIRST_SLOTS = 1 << 14
    BUCKET_BITS = 16

# Odd numbers of bits without order: the first is MurmurHash64A's, the second the golden ratio.
cdef extern from *:
    """
    #define FACTOR 0xC6A4A7935BD1E995ULL
    #define OTHER_FACTOR 0x9E3779B97F4A7C15ULL
    #define DAY_NS 86400000000000LL
    """
    uint64_t FACTOR, OTHER_FACTOR
    int64_t DAY_NS


cdef inline uint64_t word_at(const char* text) noexcept:
    cdef uint64_t word
    memcpy(&word, text, 8)
    return word


cdef uint64_t hash_of(uint64_t seed, const char* text, Py_ssize_t size) noexcept:
    """Return the hash of some bytes."""
    cdef const char* end = text + size
    cdef uint64_t found = seed ^ FACTOR, other = OTHER_FACTOR  # without the seed: the two are joined by XOR
    cdef uint64_t[2] rest
    while end - text >= 32:
        found = fold_product(word_at(text) ^ FACTOR, word_at(text + 8) ^ found)
        other = fold_product(word_at(text + 16) ^ OTHER_FACTOR, word_at(text + 24) ^ other)
        text += 32
    if end - text >= 16:
        found = fold_product(word_at(text) ^ FACTOR, word_at(text + 8) ^ found)
        text += 16
    rest[0] = rest[1] = 0
    memcpy(rest, text, end - text)
    found = fold_product(rest[0] ^ OTHER_FACTOR, rest[1] ^ found ^ other)
    return fold_product(found ^ FACTOR, <uint64_t> size ^ OTHER_FACTOR)


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


cdef inline uint64_t not_zero(uint64_t found) noexcept:
    return found if found else 1


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


def hash_cells(Block block not None, int cell):
    """Return the hash of the text of each cell of a column (CSV): 8 bytes each, all 0 for an empty cell."""
    cdef bytes hashes = PyBytes_FromStringAndSize(NULL, 8 * block.count)
    cdef uint64_t* out = <uint64_t*> PyBytes_AS_STRING(hashes)
    cdef const char* base = PyBytes_AS_STRING(block.data)
    cdef Span* span
    cdef Py_ssize_t n
    if not 0 <= cell < block.width:
        raise IndexError(cell)
    for n in range(block.count):
        span = block.spans + n * block.width + cell
        if span.doubled:
            out[n] = not_zero(hash_of_text(0, block.text(span)))
        else:
            out[n] = not_zero(hash_of(0, base + span.start, span.size)) if span.size else 0
    return hashes


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


cdef Py_ssize_t bucket_of(uint64_t user, object instant) except -2:
    """Return the counter of a user on a day (UTC); -1 for no user, and for a time that is in no calendar."""
    cdef int overflow
    cdef int64_t nanoseconds, day
    if not user or instant is None:
        return -1
    nanoseconds = PyLong_AsLongLongAndOverflow(instant, &overflow)
    if overflow:
        return -1
    day = nanoseconds // DAY_NS
    if day * DAY_NS > nanoseconds:  # C rounds toward zero
        day -= 1
    return <Py_ssize_t> (((user ^ (<uint64_t> day * FACTOR)) * FACTOR) >> (64 - BUCKET_BITS))


def count_user_days(uint32_t[::1] counts not None, bytes users not None, list instants not None):
    """Count events by user and day, each pair in one of the counters, which it may share with other pairs.

    Args:
        counts: The counters: 2^16.
        users: The hash of the user of each event, 8 bytes each; 0 is no user, and is not counted.
        instants: Nanoseconds since the epoch of each event; None is not counted, nor is what 63 bits don't hold.
    """
    cdef uint64_t* given = <uint64_t*> PyBytes_AS_STRING(users)
    cdef Py_ssize_t n, bucket
    check_pairs(counts, users, instants)
    for n in range(len(instants)):
        bucket = bucket_of(given[n], instants[n])
        if bucket >= 0:
            counts[bucket] += 1


def find_user_days(
    uint32_t[::1] counts not None, bytes users not None, list instants not None, uint32_t limit
):
    """Return the places of the events whose counter is above a limit; arguments as for `count_user_days`."""
    cdef uint64_t* given = <uint64_t*> PyBytes_AS_STRING(users)
    cdef Py_ssize_t n, bucket
    check_pairs(counts, users, instants)
    found = []
    for n in range(len(instants)):
        bucket = bucket_of(given[n], instants[n])
        if bucket >= 0 and counts[bucket] > limit:
            found.append(n)
    return found


cdef int check_pairs(uint32_t[::1] counts, bytes users, list instants) except -1:
    if counts.shape[0] != 1 << BUCKET_BITS or PyBytes_GET_SIZE(users) != 8 * len(instants):
        raise ValueError("the counters or the users are not as many as expected")
    return 0
