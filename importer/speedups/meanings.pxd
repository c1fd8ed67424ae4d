from cpython.object cimport PyObject

from importer.speedups.canonical cimport KeyValue
from importer.speedups.tables cimport Slot, Table


cdef enum:
    GUESSES = 64  # a power of two


cdef enum:  # what a key is
    IS_PROPERTY
    IS_RESERVED
    IS_DEFERRED
    IS_MORE  # what `Meaning` says


cdef enum:  # the kinds of values that a key may have; any, if no bit is set
    TAKES_TEXT = 1
    TAKES_INTEGER = 2
    TAKES_NUMBER = 4
    TAKES_BOOLEAN = 8
    TAKES_TREE = 16
    TAKES_NULL = 32  # and nothing else


cdef enum:  # the types of cells, and of texts of JSON, that are known here
    CELL_STRING
    CELL_INTEGER
    CELL_NUMBER
    CELL_BOOLEAN
    CELL_OTHER


cdef int type_of(name)


cdef struct Meaning:  # `plan.KeyPlan`
    int kind
    int fields  # a bit for each of them, as `FIELDS` has them
    int part
    int keys
    int takes
    int type  # as what the text of a value that it does not take is read
    PyObject* convert  # any other such value; NULL if its record is deferred
    bint is_reserved
    KeyValue named  # the property that it becomes
    const char* prefix  # its name as it begins a member; NULL if it is no property
    Py_ssize_t prefix_size
    bint is_kept  # else the next key that is not known takes its place
    Py_ssize_t left_out_in  # the record in which it was left out last


cdef class KeyMeanings:
    cdef Table table
    cdef object meaning_of
    cdef list kept
    cdef Meaning* meanings
    cdef Slot* guesses[GUESSES]  # the slot of the key that stood at a place in the last object; NULL if there is none
    cdef bint is_full

    cdef Meaning* get(self, const char* text, Py_ssize_t size, Py_ssize_t place) except NULL
    cdef int begin(self) except -1
    cdef Meaning* ask(self, const char* text, Py_ssize_t size) except NULL
