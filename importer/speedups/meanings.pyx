# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What the keys of objects mean, asked once for each."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memcmp, memset

from importer.speedups.canonical cimport set_key

from importer.reading import FIELDS

cdef enum:
    MOST_KEYS = 512  # that are remembered
    MOST_BYTES = 1 << 20  # of them

cdef dict KINDS = {"property": IS_PROPERTY, "reserved": IS_RESERVED, "defer": IS_DEFERRED}
cdef dict TAKES = {
    None: 0, "string": TAKES_TEXT, "integer": TAKES_INTEGER, "number": TAKES_INTEGER | TAKES_NUMBER,
    "boolean": TAKES_BOOLEAN, "json": TAKES_INTEGER | TAKES_NUMBER | TAKES_BOOLEAN | TAKES_TREE,
    "time": TAKES_NULL,
}
cdef dict CELL_TYPES = {
    "string": CELL_STRING, "integer": CELL_INTEGER, "number": CELL_NUMBER, "boolean": CELL_BOOLEAN,
}


cdef int type_of(name):
    """Return the type of values by its name."""
    return CELL_TYPES.get(name, CELL_OTHER)


cdef class KeyMeanings:
    """What the keys of objects mean.

    Args:
        meaning_of: Returns the `plan.KeyMeaning` of a key.
    """

    def __cinit__(self, meaning_of):
        cdef int n
        self.meanings = NULL
        self.meaning_of, self.table, self.kept, self.is_full = meaning_of, Table(MOST_KEYS), [], False
        for n in range(GUESSES):
            self.guesses[n] = NULL
        self.meanings = <Meaning*> PyMem_Malloc((MOST_KEYS + 1) * sizeof(Meaning))
        if self.meanings == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.meanings)

    cdef int begin(self) except -1:
        """Go on to another object: if there are too many keys, what they mean is forgotten, with the names in it."""
        cdef int n
        if self.is_full:
            self.table.clear()
            self.kept, self.is_full = [], False
            for n in range(GUESSES):
                self.guesses[n] = NULL
        return 0

    cdef Meaning* get(self, const char* text, Py_ssize_t size, Py_ssize_t place) except NULL:
        """Return what a key means, which stands at some place in its object: mostly it is the one of last time."""
        cdef Slot** guess = &self.guesses[place & (GUESSES - 1)]
        cdef Slot* slot = guess[0]
        if slot != NULL and slot.size == size and memcmp(slot.text, text, size) == 0:
            return &self.meanings[slot.value]
        slot = self.table.find(text, size)
        if slot.text == NULL:
            return self.ask(text, size)
        guess[0] = slot
        return &self.meanings[slot.value]

    cdef Meaning* ask(self, const char* text, Py_ssize_t size) except NULL:
        cdef Meaning* meaning
        cdef bytes prefix
        cdef int n
        given = self.meaning_of(PyUnicode_DecodeUTF8(text, size, NULL))
        self.is_full = self.is_full or self.table.count == MOST_KEYS or self.table.bytes + size > MOST_BYTES
        for n in range(GUESSES):  # the slots may move
            self.guesses[n] = NULL
        meaning = &self.meanings[self.table.count]
        memset(meaning, 0, sizeof(Meaning))
        meaning.kind, meaning.part, meaning.keys, meaning.left_out_in = IS_MORE, -1, -1, -1
        if isinstance(given, str):
            meaning.kind = KINDS[given]
        else:
            for field in given.fields:
                meaning.fields |= 1 << <int> FIELDS.index(field)
            meaning.part, meaning.keys, meaning.takes = given.part, given.keys, TAKES[given.type]
            meaning.is_reserved, meaning.type = given.is_reserved, type_of(given.known_type)
            if given.convert is not None:
                self.kept.append(given.convert)
                meaning.convert = <PyObject*> given.convert
            if given.name is not None:
                prefix = b'"%b":' % given.name
                self.kept.append(prefix)
                meaning.prefix, meaning.prefix_size = PyBytes_AS_STRING(prefix), PyBytes_GET_SIZE(prefix)
                set_key(&meaning.named, meaning.prefix + 1, meaning.prefix_size - 3)
        meaning.is_kept = not self.is_full
        if meaning.is_kept:
            self.table.put(text, size, <int> self.table.count)
        return meaning
