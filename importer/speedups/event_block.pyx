# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Blocks of events: what consecutive records became, without an object for each."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memset

from importer.model import Event, Rejection, Status

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    MOST_BYTES = 0x7FFFFFFF  # that a place can address
    USUAL_FRAME = 100  # bytes of an event beside those of its record
    NS_PER_MS = 1_000_000
    USUAL_TEXTS = 80  # bytes of the texts of an event

cdef object INVALID = Status.INVALID
cdef object SKIPPED = Status.SKIPPED


cdef class EventBlock:
    """A sequence of events and rejections, as bytes. An object is made when it is asked for.

    Args:
        items: The first of them.

    Attributes:
        events: How many are events.
    """

    def __cinit__(self):
        self.items = NULL
        self.texts, self.lines = Buffer(), Buffer()

    def __init__(self, items=()):
        for item in items:
            self.append(item)

    def __dealloc__(self):
        PyMem_Free(self.items)

    # ── writing ──────────────────────────────────────────────────────────────────────────────────

    cdef int make_room(self, Py_ssize_t count, Py_ssize_t size) except -1:
        """Make room for what some records mostly become, given their number and their bytes."""
        self.grow(count)
        self.lines.reserve(size + count * USUAL_FRAME)
        return self.texts.reserve(count * USUAL_TEXTS)

    cdef int grow(self, Py_ssize_t capacity) except -1:
        cdef void* new
        if capacity > self.capacity:
            new = PyMem_Realloc(self.items, capacity * sizeof(Item))
            if new == NULL:
                raise MemoryError
            self.items, self.capacity = <Item*> new, capacity
        return 0

    cdef Item* add(self) except NULL:
        """Return a new item, all of whose texts are empty; to become an event, it needs `end_body`."""
        if self.count == self.capacity:
            self.grow(max(64, 2 * self.capacity))
        memset(&self.items[self.count], 0, sizeof(Item))
        self.items[self.count].body = <int32_t> self.lines.used()
        self.count += 1
        return &self.items[self.count - 1]

    cdef int keep(self, Text* place, const char* text, Py_ssize_t size) except -1:
        """Keep a text of the item that was added last."""
        if self.texts.used() + size > MOST_BYTES:
            raise OverflowError("too many bytes for a block")
        self.texts.reserve(size)
        place.start, place.size = <int32_t> self.texts.used(), <int32_t> size
        if size:
            self.texts.put(text, size)
        return 0

    cdef int end_body(self, Item* item) except -1:
        """Make the item that was added last an event: its body has been written to `lines`."""
        self.lines.reserve(1)
        self.lines.put("\n", 1)
        if self.lines.used() > MOST_BYTES:
            raise OverflowError("too many bytes for a block")
        item.is_event = True
        self.events += 1
        return 0

    cdef int keep_str(self, Text* place, str text) except -1:
        cdef Py_ssize_t size
        cdef const char* utf8
        cdef bytes encoded
        try:
            utf8 = PyUnicode_AsUTF8AndSize(text, &size)
        except UnicodeEncodeError:
            encoded = text.encode("utf-8", "surrogatepass")
            return self.keep(place, PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))
        return self.keep(place, utf8, size)

    cpdef append(self, item):
        """Add an event or a rejection at the end."""
        cdef Item* new
        if type(item) is not Event and type(item) is not Rejection:
            raise TypeError(f"neither an event nor a rejection: {type(item).__name__}")
        new = self.add()
        try:
            self.fill(new, item)
        except BaseException:
            self.count -= 1  # no half of an item stays
            raise

    cdef int fill(self, Item* new, item) except -1:
        """Write an event or a rejection into the item that was added last."""
        cdef bytes body
        new.row, new.line, new.number = item.row, item.line, item.item
        self.keep_str(&new.name, item.event)
        self.keep_str(&new.user, item.distinct_id)
        self.keep_str(&new.insert_id, item.insert_id)
        self.keep_str(&new.note, item.note)
        if type(item) is Rejection:
            if item.status is not INVALID and item.status is not SKIPPED:
                raise ValueError(f"no status of a rejection: {item.status}")
            new.is_skipped = item.status is SKIPPED
            self.keep_str(&new.error, item.error)
            return 0
        new.time, body = item.time, item.body
        self.lines.reserve(PyBytes_GET_SIZE(body))
        self.lines.put(PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        return self.end_body(new)

    # ── as objects ───────────────────────────────────────────────────────────────────────────────

    cdef str text(self, Text* place):
        return PyUnicode_DecodeUTF8(self.texts.base + place.start, place.size, "surrogatepass") if place.size else ""

    cdef Py_ssize_t end_of(self, Py_ssize_t n) noexcept:
        """Return where the body of an item ends in `lines`, its newline included."""
        return self.items[n + 1].body if n + 1 < self.count else self.lines.used()

    cdef object item(self, Py_ssize_t n):
        """Return an event or a rejection."""
        cdef Item* one = &self.items[n]
        cdef Py_ssize_t size
        name, user, insert_id = self.text(&one.name), self.text(&one.user), self.text(&one.insert_id)
        if not one.is_event:
            error, note, status = self.text(&one.error), self.text(&one.note), SKIPPED if one.is_skipped else INVALID
            return Rejection(one.row, one.line, error, name, user, insert_id, note, one.number, status)
        size = self.end_of(n) - one.body - 1
        body = PyBytes_FromStringAndSize(self.lines.base + one.body, size)
        return Event(one.row, one.line, name, user, insert_id, one.time, body, self.text(&one.note), one.number)

    def __len__(self):
        return self.count

    def __getitem__(self, at):
        cdef Py_ssize_t n
        if isinstance(at, slice):
            return [self.item(n) for n in range(*at.indices(self.count))]
        n = at + self.count if at < 0 else at
        if not 0 <= n < self.count:
            raise IndexError(at)
        return self.item(n)

    def __iter__(self):
        return (self[n] for n in range(self.count))

    def names(self):
        """Return the name of each event."""
        return [self.text(&self.items[n].name) for n in range(self.count) if self.items[n].is_event]

    def users(self):
        """Return the user of each event; empty for none."""
        return [self.text(&self.items[n].user) for n in range(self.count) if self.items[n].is_event]

    def instants(self):
        """Return the time of each event in nanoseconds since the epoch: 8 bytes each."""
        cdef bytes made = PyBytes_FromStringAndSize(NULL, 8 * self.events)
        cdef int64_t* out = <int64_t*> PyBytes_AS_STRING(made)
        cdef Py_ssize_t n
        for n in range(self.count):
            if self.items[n].is_event:
                out[0] = self.items[n].time * NS_PER_MS
                out += 1
        return made

    def holds_invalid(self, Py_ssize_t start, Py_ssize_t stop):
        """Return whether an item between two places is a rejection that is not skipped."""
        cdef Py_ssize_t n
        if not 0 <= start <= stop <= self.count:
            raise IndexError(start, stop)
        for n in range(start, stop):
            if not self.items[n].is_event and not self.items[n].is_skipped:
                return True
        return False

    # ── as requests ──────────────────────────────────────────────────────────────────────────────

    def take(self, Py_ssize_t start, Py_ssize_t events, Py_ssize_t size, Py_ssize_t items, bint holds_event):
        """Return how many items from some place on fit into a batch.

        Args:
            start: The place.
            events: Most events.
            size: Most bytes of their bodies, each with a separator.
            items: Most items, at least 1.
            holds_event: False if the batch has no event yet: then the first is taken whatever its size is.

        Returns:
            Where they end; how many of them are events; the bytes of these; and True if the batch is full, so that
            no further item belongs to it: the next is an event for which there is no room, or it has all items.
        """
        cdef Py_ssize_t n, taken = 0, used = 0, need
        if not 0 <= start <= self.count:
            raise IndexError(start)
        for n in range(start, self.count):
            if self.items[n].is_event:
                need = self.end_of(n) - self.items[n].body
                if taken == events or ((holds_event or taken) and used + need > size):
                    return n, taken, used, True
                taken += 1
                used += need
            if n + 1 - start == items:
                return n + 1, taken, used, True
        return self.count, taken, used, False

    def bodies(self, Py_ssize_t start, Py_ssize_t stop):
        """Return the bodies of the events between two places, with a newline between them."""
        cdef Py_ssize_t first, last
        if not 0 <= start <= stop <= self.count:
            raise IndexError(start, stop)
        if start == stop:
            return b""
        first, last = self.items[start].body, self.end_of(stop - 1)
        return PyBytes_FromStringAndSize(self.lines.base + first, last - first - 1) if last > first else b""
