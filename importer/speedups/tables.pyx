# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What was asked once about a text, so that it need not be asked again."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef enum:
    FIRST_SLOTS = 1024  # a power of two
    MOST_SIZE = 63  # of a text, that a bit stands for
    MOST_BYTES = 1 << 23  # of texts, and of answers: few texts are long, and many long ones are not worth their space


cdef class Table:
    """A hash table from texts to numbers of 0 and more, with open addressing.

    Args:
        most: Most texts; one more empties the table, as does one that makes them too many bytes.
    """

    def __cinit__(self, Py_ssize_t most):
        self.slots = NULL
        self.most, self.count, self.bytes, self.slot_count = most, 0, 0, FIRST_SLOTS
        self.slots = <Slot*> PyMem_Calloc(self.slot_count, sizeof(Slot))
        if self.slots == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.slots != NULL:
            self.clear()
        PyMem_Free(self.slots)

    cdef void clear(self) noexcept:
        cdef Py_ssize_t n
        for n in range(self.slot_count):
            PyMem_Free(self.slots[n].text)
            self.slots[n].text = NULL
        self.count = self.bytes = 0

    cdef Slot* find(self, const char* text, Py_ssize_t size) noexcept:
        """Return the slot of a text, or the empty one where it belongs. There always is an empty one."""
        cdef uint32_t hashed = 2166136261  # FNV-1a
        cdef Py_ssize_t n
        cdef Slot* slot
        for n in range(size):
            hashed = (hashed ^ <uint8_t> text[n]) * 16777619
        while True:
            slot = &self.slots[hashed & (self.slot_count - 1)]
            if slot.text == NULL or (slot.size == size and memcmp(slot.text, text, size) == 0):
                return slot
            hashed += 1

    cdef int get(self, const char* text, Py_ssize_t size) noexcept:
        """Return the number of a text; -1 if there is none."""
        cdef Slot* slot = self.find(text, size)
        return -1 if slot.text == NULL else slot.value

    cdef int put(self, const char* text, Py_ssize_t size, int value) except -1:
        """Keep the number of a text that has none."""
        cdef Slot* slot
        cdef char* copy
        if self.count >= self.most or self.bytes + size > MOST_BYTES:
            self.clear()
        if 2 * self.count >= self.slot_count:
            self.grow()
        copy = <char*> PyMem_Malloc(size + 1)
        if copy == NULL:
            raise MemoryError
        memcpy(copy, text, size)
        slot = self.find(text, size)
        slot.text, slot.size, slot.value = copy, size, value
        self.count += 1
        self.bytes += size
        return 0

    cdef int grow(self) except -1:
        cdef Slot* before = self.slots
        cdef Py_ssize_t count = self.slot_count, n
        cdef Slot* new = <Slot*> PyMem_Calloc(4 * count, sizeof(Slot))
        if new == NULL:
            raise MemoryError
        self.slots, self.slot_count = new, 4 * count
        for n in range(count):
            if before[n].text != NULL:
                self.find(before[n].text, before[n].size)[0] = before[n]
        PyMem_Free(before)
        return 0


cdef class Answers:
    """The two texts that Python answers about a text, asked once for each.

    Args:
        ask: Returns them, as bytes, for a text; None for no answer.
        most: Most texts that are remembered.
    """

    def __cinit__(self, ask, Py_ssize_t most):
        self.answers = NULL
        self.ask, self.kept, self.table = ask, [], Table(most)
        self.answers = <Answer*> PyMem_Malloc(most * sizeof(Answer))
        if self.answers == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.answers)

    cdef Answer* get(self, const char* text, Py_ssize_t size) except NULL:
        """Return the answer about a text of UTF-8. It is valid until the next call."""
        cdef int found = self.table.get(text, size)
        cdef Answer* answer
        cdef bytes first, second
        if found >= 0:
            return &self.answers[found]
        given = self.ask(PyUnicode_DecodeUTF8(text, size, NULL))
        if self.table.count >= self.table.most or self.table.bytes + self.bytes + size > MOST_BYTES:
            self.table.clear()  # before it does so by itself
            self.kept = []
            self.count = self.bytes = 0
        answer = &self.answers[self.count]
        answer.given = given is not None
        if answer.given:
            given = tuple([bytes(memoryview(part)) for part in given])  # as long as it is: orjson leaves 2 kB of room
            first, second = given
            answer.first, answer.first_size = PyBytes_AS_STRING(first), PyBytes_GET_SIZE(first)
            answer.second, answer.second_size = PyBytes_AS_STRING(second), PyBytes_GET_SIZE(second)
            self.bytes += answer.first_size + answer.second_size
        self.table.put(text, size, <int> self.count)
        self.kept.append(given)  # which owns the texts
        self.count += 1
        return answer


cdef class TextSet:
    """A few texts that others are compared with.

    Args:
        texts: The texts; none is empty.
    """

    def __cinit__(self, texts):
        cdef int first
        for first in range(256):
            self.sizes[first] = 0
        self.texts = [[] for _ in range(256)]
        for text in texts:
            encoded = text.encode("utf-8", "surrogatepass")
            self.texts[encoded[0]].append(encoded)
            self.sizes[<uint8_t> encoded[0]] |= <uint64_t> 1 << min(<int> len(encoded), MOST_SIZE)

    cdef bint holds(self, const char* text, Py_ssize_t size) except -1:
        """Return whether a text, which is not empty, is one of them."""
        cdef bytes one
        if not self.sizes[<uint8_t> text[0]] >> min(size, MOST_SIZE) & 1:
            return False
        for one in self.texts[<uint8_t> text[0]]:
            if PyBytes_GET_SIZE(one) == size and memcmp(PyBytes_AS_STRING(one), text, size) == 0:
                return True
        return False
