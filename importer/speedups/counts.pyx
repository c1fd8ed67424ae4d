# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Counts of texts and of times."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memcmp, memset

from importer.speedups.block cimport Block, Span
from importer.speedups.canonical cimport Buffer
from importer.speedups.hashes cimport FACTOR, hash_of

cdef enum:
    FIRST_SLOTS = 1 << 10
    NO_INSTANT = -1
    MOST_UNITS = 4
    MOST_DIGITS = 19  # of 2**63


def missing_cells(Block block not None, int cell, tuple nulls=()):
    """Return the places of the cells of a column that have no value.

    Args:
        block: Of CSV, or `Fields`.
        cell: The column.
        nulls: Texts that mean "no value" beside the empty cell, UTF-8.
    """
    cdef Span* span
    cdef Py_ssize_t n
    cdef list found = []
    check(block, cell)
    for n in range(block.count):
        span = block.spans + n * block.width + cell
        if not span.size or (nulls and block.place_of(span, nulls) >= 0):
            found.append(n)
    return found


cdef struct Counted:
    uint64_t hashed
    Py_ssize_t start  # of the text
    Py_ssize_t size
    uint64_t count


cdef class NameCounts:
    """Counts texts: each of the first ones by itself, in the order in which they occur, and the others together.

    Args:
        most: Most texts that are counted by themselves.
        most_bytes: Most bytes of all of these, as UTF-8; a text for which there is no more room is one of the others.

    Attributes:
        others: How many were counted together.
    """

    cdef Counted* counted
    cdef uint32_t* slots  # the place of each text among those counted, from 1
    cdef Py_ssize_t count, slot_count, most, most_bytes
    cdef Buffer texts
    cdef readonly Py_ssize_t others

    def __cinit__(self, Py_ssize_t most, Py_ssize_t most_bytes):
        self.count, self.slot_count, self.others = 0, FIRST_SLOTS, 0
        self.most, self.most_bytes = most, most_bytes
        self.counted = NULL
        self.slots = <uint32_t*> PyMem_Calloc(self.slot_count, sizeof(uint32_t))
        self.texts = Buffer()
        if self.slots == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.slots)
        PyMem_Free(self.counted)

    def __len__(self):
        return self.count

    def add(self, texts not None):
        """Count texts."""
        cdef bytes text
        for each in texts:
            text = each.encode("utf-8", "surrogatepass")
            self.add_one(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), 1)

    def add_column(self, Block block not None, int cell, list without not None=[]):
        """Count the cells of a column (CSV, `Fields`).

        Args:
            block: Holds the column.
            cell: The column.
            without: The places of those that are not counted, in order.
        """
        cdef const char* base = PyBytes_AS_STRING(block.data)
        cdef Span* span
        cdef Py_ssize_t n, passed = 0, left_out = len(without)
        cdef bytes text
        check(block, cell)
        for n in range(block.count):
            if passed < left_out and without[passed] == n:
                passed += 1
                continue
            span = block.spans + n * block.width + cell
            if span.doubled:
                text = block.text(span).encode()
                self.add_one(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), 1)
            else:
                self.add_one(base + span.start, span.size, 1)

    def add_counts(self, counts not None, uint64_t others):
        """Add what was counted elsewhere.

        Args:
            counts: How often each text occurs.
            others: How many were counted together.
        """
        cdef bytes text
        for each, count in counts.items():
            text = each.encode("utf-8", "surrogatepass")
            self.add_one(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), count)
        self.others += others

    def counts(self):
        """Return how often each text occurs, in the order in which they first occur."""
        cdef dict found = {}
        cdef Py_ssize_t n
        cdef Counted* each
        for n in range(self.count):
            each = &self.counted[n]
            text = PyUnicode_DecodeUTF8(self.texts.base + each.start, each.size, "surrogatepass")
            found[text] = each.count
        return found

    cdef int add_one(self, const char* text, Py_ssize_t size, uint64_t count) except -1:
        cdef uint64_t hashed = hash_of(0, text, size)
        cdef Py_ssize_t at = hashed & (self.slot_count - 1)
        cdef Counted* known
        while self.slots[at]:
            known = &self.counted[self.slots[at] - 1]
            if known.hashed == hashed and known.size == size and (
                memcmp(self.texts.base + known.start, text, size) == 0
            ):
                known.count += count
                return 0
            at = (at + 1) & (self.slot_count - 1)
        if self.count >= self.most or self.texts.used() + size > self.most_bytes:
            self.others += count
            return 0
        self.reserve()
        self.texts.reserve(size + 1)  # so that there is an address for an empty text
        known = &self.counted[self.count]
        known.hashed, known.size, known.count = hashed, size, count
        known.start = self.texts.used()
        self.texts.put(text, size)
        self.count += 1
        at = hashed & (self.slot_count - 1)  # there may be more slots now
        while self.slots[at]:
            at = (at + 1) & (self.slot_count - 1)
        self.slots[at] = self.count
        return 0

    cdef int reserve(self) except -1:
        """Make space for one more text."""
        cdef Py_ssize_t n, at, more
        cdef void* new
        if self.counted != NULL and 2 * self.count < self.slot_count:
            return 0
        more = self.slot_count if self.counted == NULL else 2 * self.slot_count
        new = PyMem_Realloc(self.counted, more // 2 * sizeof(Counted))
        if new == NULL:
            raise MemoryError
        self.counted = <Counted*> new
        new = PyMem_Realloc(self.slots, more * sizeof(uint32_t))
        if new == NULL:
            raise MemoryError
        self.slots, self.slot_count = <uint32_t*> new, more
        memset(self.slots, 0, more * sizeof(uint32_t))
        for n in range(self.count):
            at = self.counted[n].hashed & (more - 1)
            while self.slots[at]:
                at = (at + 1) & (more - 1)
            self.slots[at] = n + 1
        return 0


cdef struct Period:
    int64_t number
    uint64_t count  # 0 in an empty slot


cdef int compare_numbers(const void* one, const void* other) noexcept nogil:
    cdef int64_t a = (<const int64_t*> one)[0], b = (<const int64_t*> other)[0]
    return (a > b) - (a < b)


cdef class TimeCounts:
    """Counts times by the period in which they lie, and keeps the first and the last.

    Args:
        period: Nanoseconds of a period.

    Attributes:
        count: How many times there are.
        first: The earliest, in nanoseconds since the epoch; without meaning if there is none.
        last: The latest.
    """

    cdef Period* slots
    cdef Py_ssize_t slot_count, used
    cdef int64_t period
    cdef readonly int64_t first, last
    cdef readonly Py_ssize_t count

    def __cinit__(self, int64_t period):
        if period < 1:
            raise ValueError("no period")
        self.period, self.used, self.count, self.slot_count = period, 0, 0, FIRST_SLOTS
        self.first, self.last = 0x7FFFFFFFFFFFFFFF, -0x7FFFFFFFFFFFFFFF
        self.slots = <Period*> PyMem_Calloc(self.slot_count, sizeof(Period))
        if self.slots == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.slots)

    def add(self, const uint8_t[::1] instants not None):
        """Count times: nanoseconds since the epoch, 8 bytes each; -1 stands for none."""
        cdef Py_ssize_t n
        cdef const int64_t* instant = <const int64_t*> &instants[0] if instants.shape[0] else NULL
        cdef int64_t start = 0, number = 0
        cdef Period* slot = NULL
        for n in range(instants.shape[0] // 8):
            if instant[n] == NO_INSTANT:
                continue
            if slot == NULL or <uint64_t> instant[n] - <uint64_t> start >= <uint64_t> self.period:
                number = instant[n] // self.period
                number -= number * self.period > instant[n]  # C rounds toward zero
                start = number * self.period
                slot = self.slot_of(number)
            slot.count += 1
            self.first, self.last = min(self.first, instant[n]), max(self.last, instant[n])
            self.count += 1

    def counts(self):
        """Return the numbers of the periods since the epoch, in order, and how many times lie in each.

        Returns:
            8 bytes for each number, and 8 for each count.
        """
        cdef bytes numbers = PyBytes_FromStringAndSize(NULL, 8 * self.used)
        cdef bytes counts = PyBytes_FromStringAndSize(NULL, 8 * self.used)
        cdef int64_t* number = <int64_t*> PyBytes_AS_STRING(numbers)
        cdef uint64_t* count = <uint64_t*> PyBytes_AS_STRING(counts)
        cdef Py_ssize_t n
        for n in range(self.slot_count):
            if self.slots[n].count:
                number[0] = self.slots[n].number
                number += 1
        number -= self.used
        qsort(number, self.used, sizeof(int64_t), compare_numbers)
        for n in range(self.used):
            count[n] = self.find(number[n]).count
        return numbers, counts

    cdef Period* find(self, int64_t number) noexcept:
        """Return the slot of a period, or the empty one where it belongs. There always is an empty one."""
        cdef Py_ssize_t at = (<uint64_t> number * FACTOR >> 20) & (self.slot_count - 1)
        while self.slots[at].count and self.slots[at].number != number:
            at = (at + 1) & (self.slot_count - 1)
        return self.slots + at

    cdef Period* slot_of(self, int64_t number) except NULL:
        """Return the slot of a period, whose count is to be raised."""
        cdef Period* slot = self.find(number)
        cdef Period* before = self.slots
        cdef Py_ssize_t n, count = self.slot_count
        if slot.count:
            return slot
        if 2 * self.used >= self.slot_count:
            self.slots = <Period*> PyMem_Calloc(2 * count, sizeof(Period))
            if self.slots == NULL:
                self.slots = before
                raise MemoryError
            self.slot_count = 2 * count
            for n in range(count):
                if before[n].count:
                    self.find(before[n].number)[0] = before[n]
            PyMem_Free(before)
            slot = self.find(number)
        self.used += 1
        slot.number = number
        return slot


cdef struct Unit:
    uint64_t lowest
    uint64_t end
    int64_t nanoseconds


def compare_epochs(Block block not None, int cell, int other, units not None, int64_t least):
    """Compare the epochs of two columns (CSV, `Fields`), where they are whole numbers.

    Args:
        block: The records.
        cell: The column of times.
        other: That of others.
        units: The least count of each unit, the first that it has not, and its nanoseconds.
        least: By how many nanoseconds another epoch must be earlier so that its place is named.

    Returns:
        How many epochs the first column has; how many of their records have another one; by how many nanoseconds
        this is later, at least: less than 0 if one is earlier, without meaning if there is none; and the places
        where it is so much earlier.
    """
    cdef const char* base = PyBytes_AS_STRING(block.data)
    cdef Unit[MOST_UNITS] known
    cdef int unit_count = len(units)
    cdef Span* spans
    cdef Py_ssize_t n, count = 0, compared = 0
    cdef int64_t time, taken, shortest = 0x7FFFFFFFFFFFFFFF
    cdef list places = []
    check(block, cell)
    check(block, other)
    if unit_count > MOST_UNITS:
        raise ValueError("too many units")
    for n, (lowest, end, nanoseconds) in enumerate(units):
        known[n].lowest, known[n].end, known[n].nanoseconds = lowest, end, nanoseconds
    for n in range(block.count):
        spans = block.spans + n * block.width
        time = epoch_of(base + spans[cell].start, spans[cell].size, known, unit_count)
        if time < 0:
            continue
        count += 1
        taken = epoch_of(base + spans[other].start, spans[other].size, known, unit_count)
        if taken < 0:
            continue
        compared += 1
        shortest = min(shortest, taken - time)
        if taken - time <= -least:
            places.append(n)
    return count, compared, shortest, places


cdef int64_t epoch_of(const char* text, Py_ssize_t size, const Unit* units, int unit_count) noexcept:
    """Return the nanoseconds that the digits of an epoch count; -1 if they are none."""
    cdef uint64_t number = 0
    cdef Py_ssize_t n
    if not 0 < size <= MOST_DIGITS:
        return -1
    for n in range(size):
        if not c"0" <= text[n] <= c"9":
            return -1
        number = 10 * number + <uint64_t> (text[n] - c"0")
    for n in range(unit_count):
        if units[n].lowest <= number < units[n].end:
            return <int64_t> number * units[n].nanoseconds
    return -1


cdef int check(Block block, int cell) except -1:
    if not 0 <= cell < block.width:
        raise IndexError(cell)
    return 0
