# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Counts the cells of many columns, as long as nothing is new in them."""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.string cimport memset

from importer.speedups.block cimport Block, Forms, Span, form_of, forms_of, is_among


cdef struct Column:
    bint is_watched
    bint has_forms  # that are looked for
    bint all_apart  # no cell may hold another text than those counted apart
    Forms known
    Py_ssize_t filled
    Py_ssize_t text_count
    Py_ssize_t* counts  # of each text; then as many of the block at hand


cdef class ColumnCounts:
    """Counts the cells of columns that hold nothing new, and names the columns that do.

    A column is not watched until `watch` says what is known of it.

    Args:
        width: How many columns there are.
    """

    cdef Column* columns
    cdef Py_ssize_t width
    cdef list texts

    def __cinit__(self, Py_ssize_t width):
        self.width = width
        self.columns = <Column*> PyMem_Calloc(width + 1, sizeof(Column))
        if self.columns == NULL:
            raise MemoryError
        self.texts = [()] * width

    def __dealloc__(self):
        cdef Py_ssize_t at
        if self.columns != NULL:
            for at in range(self.width):
                PyMem_Free(self.columns[at].counts)
        PyMem_Free(self.columns)

    def watch(self, Py_ssize_t at, tuple texts not None, known, bint all_apart):
        """Count the cells of a column from now on, where nothing has been counted.

        Args:
            at: The column.
            texts: Texts, UTF-8, that are counted apart: their forms don't matter.
            known: Bits of the forms that other cells may have.
            all_apart: True if any other text is new.
        """
        cdef Column* column = self.column(at)
        if column.filled:
            raise ValueError("what was counted was not taken")
        PyMem_Free(column.counts)
        column.counts = <Py_ssize_t*> PyMem_Calloc(2 * len(texts) + 1, sizeof(Py_ssize_t))
        if column.counts == NULL:
            raise MemoryError
        column.known = forms_of(known)
        column.is_watched, column.has_forms = True, ~(column.known.low & column.known.high) != 0
        column.all_apart, column.filled, column.text_count = all_apart, 0, len(texts)
        self.texts[at] = texts

    def take(self, Py_ssize_t at):
        """Return what was counted of a column since it was last asked: cells of other texts, and of each text."""
        cdef Column* column = self.column(at)
        cdef Py_ssize_t filled = column.filled, n
        cdef list counts = [column.counts[n] for n in range(column.text_count)]
        column.filled = 0
        for n in range(column.text_count):
            column.counts[n] = 0
        return filled, counts

    def add(self, Block block not None):
        """Count the cells of a block (CSV).

        Returns:
            The columns of which none were counted: they are not watched, or a cell is new.
        """
        cdef Py_ssize_t at
        cdef list new = []
        if block.width < self.width:
            raise IndexError(self.width)
        for at in range(self.width):
            if not self.columns[at].is_watched or not self.count(&self.columns[at], block, at):
                new.append(at)
        return new

    cdef Column* column(self, Py_ssize_t at) except NULL:
        if not 0 <= at < self.width:
            raise IndexError(at)
        return &self.columns[at]

    cdef bint count(self, Column* column, Block block, Py_ssize_t at) except -1:
        """Count the cells of a column; False, with nothing counted, if one is new."""
        cdef const char* base = PyBytes_AS_STRING(block.data)
        cdef Span* span = block.spans + at
        cdef Span* end = span + block.count * block.width
        cdef Py_ssize_t filled = 0, n
        cdef tuple texts
        cdef Py_ssize_t* counts
        if not column.has_forms and not column.text_count:
            while span < end:
                filled += span.size != 0
                span += block.width
            if filled and column.all_apart:
                return False
            column.filled += filled
            return True
        texts = self.texts[at]
        counts = column.counts + column.text_count
        memset(counts, 0, column.text_count * sizeof(Py_ssize_t))
        while span < end:
            if span.size:
                n = block.place_of(span, texts) if column.text_count else -1
                if n >= 0:
                    counts[n] += 1
                elif column.all_apart or not is_among(&column.known, form_of(base + span.start, span.size)):
                    return False
                else:
                    filled += 1
            span += block.width
        column.filled += filled
        for n in range(column.text_count):
            column.counts[n] += counts[n]
        return True
