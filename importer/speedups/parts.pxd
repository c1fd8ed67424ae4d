from importer.speedups.canonical cimport Buffer
from importer.speedups.odd_texts cimport OddTexts
from importer.speedups.tables cimport TextSet


cdef enum:  # what stands in a record as a value
    MISSING
    TEXT
    NUMBER
    ANOTHER_VALUE


cdef struct Part:
    int kind
    bint is_seen  # its key stood in the record
    bint is_filled  # more than null or the empty text stands there, even if that means no value
    bint is_taken  # it gave a field, and is no property
    const char* text  # as it stands in the source: between its quotes, or between those of JSON
    Py_ssize_t size
    int quote  # that is doubled in it (CSV); -1 if none is
    Py_ssize_t start  # in `Parts.kept`: as it was written as JSON, without quotes
    Py_ssize_t written  # bytes of that; -1 if the text is the same in JSON, or stands in a cell
    Py_ssize_t at  # the property in which it stands; -1 if there is none


cdef class Template:
    cdef int* numbers  # the places of its parts
    cdef Py_ssize_t count
    cdef list texts  # ahead of each of them, and that behind the last one
    cdef bint is_mixed  # it is more than one part


cdef class Parts:
    cdef Part* parts
    cdef Py_ssize_t count
    cdef Buffer kept, unescaped
    cdef TextSet nulls
    cdef list paths  # the keys that lead to each below its property
    cdef int* cells
    cdef bint* must_be_taken
    cdef int* gives  # the place of the field that it gives where nothing else does; -1 for none

    cdef void clear(self) noexcept
    cdef void keep_cell(self, Part* part, const char* text, Py_ssize_t size, int quote) noexcept
    cdef bint keep_json(
        self, Part* part, const char* start, const char* end, const char* written, Py_ssize_t size
    ) except -1
    cdef bint means_nothing(self, const Part* part) except -1
    cdef int put_text_of(
        self, Template template, Buffer out, OddTexts odd_texts, int kind, has_part_note, field
    ) except -2
    cdef int put_json_of(self, Template template, Buffer out) except -2
    cdef bint put_source_of(self, int number, Buffer out) except -1
    cdef bint is_plain_number(self, const Part* part) noexcept
    cdef bint are_all_taken(self) noexcept
    cdef void forget_property(self, Py_ssize_t at) noexcept
