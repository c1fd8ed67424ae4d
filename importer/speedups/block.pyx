# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Blocks: the records of some lines of a file, as places in its bytes."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr

from importer.speedups.canonical cimport DIGITS, end_of_decimal

from importer.model import Record

cdef enum:
    MOST_BYTES = 0x7FFFFFFF  # that a span can address
    NOTHING = 256

NO_QUOTE = NOTHING
"""In place of the quote character if nothing encloses a cell: no byte has this value."""


cdef class Block:
    """A sequence of the records in some whole lines. Each is made when it is asked for.

    Attributes:
        data: The lines, UTF-8.
        row: Number of the first record; the others follow it without a gap.
        width: Cells of a record; 0 where a record is a line (JSONL).
    """

    def __cinit__(self):
        self.spans = NULL
        self.lines = NULL

    def __dealloc__(self):
        PyMem_Free(self.spans)
        PyMem_Free(self.lines)

    cdef int grow(self) except -1:
        """Make space for one more record."""
        cdef Py_ssize_t capacity
        cdef void* new
        if self.count < self._capacity:
            return 0
        capacity = max(256, 2 * self._capacity)
        new = PyMem_Realloc(self.spans, capacity * max(self.width, 1) * sizeof(Span))
        if new == NULL:
            raise MemoryError
        self.spans = <Span*> new
        new = PyMem_Realloc(self.lines, capacity * sizeof(int64_t))
        if new == NULL:
            raise MemoryError
        self.lines = <int64_t*> new
        self._capacity = capacity
        return 0

    cdef str text(self, Span* span):
        """Return the text of a cell."""
        cdef str text = PyUnicode_DecodeUTF8(PyBytes_AS_STRING(self.data) + span.start, span.size, NULL)
        return text.replace(chr(self.quote) * 2, chr(self.quote)) if span.doubled else text

    def __len__(self):
        return self.count

    def __getitem__(self, at):
        cdef Py_ssize_t n
        cdef int cell
        cdef Span* span
        if isinstance(at, slice):
            if at.indices(self.count) == (0, self.count, 1):
                return self
            return [self[n] for n in range(*at.indices(self.count))]
        n = at + self.count if at < 0 else at
        if not 0 <= n < self.count:
            raise IndexError(at)
        if not self.width:
            span = self.spans + n
            line = PyBytes_AS_STRING(self.data)[span.start : span.start + span.size]
            return self._read(self.row + n, self.lines[n], line)
        span = self.spans + n * self.width
        return Record(self.row + n, self.lines[n], [self.text(span + cell) for cell in range(self.width)], "")

    def __iter__(self):
        return (self[n] for n in range(self.count))

    def column(self, int cell):
        """Return the cells of a column (CSV)."""
        cdef Py_ssize_t n
        if not 0 <= cell < self.width:
            raise IndexError(cell)
        return [self.text(self.spans + n * self.width + cell) for n in range(self.count)]


    def count_column(self, int cell):
        """Return how many cells of a column are filled (CSV), and the type that all of them surely have.

        The type is ``integer``, ``number`` (an integer or a decimal, as JSON writes them), or empty if it is
        another or not sure.
        """
        cdef const char* base = PyBytes_AS_STRING(self.data)
        cdef Span* span
        cdef Py_ssize_t n, filled = 0
        cdef int kind = INTEGER
        if not 0 <= cell < self.width:
            raise IndexError(cell)
        for n in range(self.count):
            span = self.spans + n * self.width + cell
            if span.size:
                filled += 1
                if kind != OTHER:
                    kind = max(kind, kind_of(base + span.start, span.size))
        return filled, "integer" if kind == INTEGER else "number" if kind == DECIMAL else ""


cdef enum:
    INTEGER
    DECIMAL
    OTHER


cdef int kind_of(const char* text, Py_ssize_t size) noexcept:
    """Return what a cell that isn't empty is, if it is a short number without an exponent."""
    cdef const char* end = text + size
    cdef const char* point
    if size > DIGITS or end_of_decimal(text, end, &point) != end:
        return OTHER
    if point < end:
        return DECIMAL
    return OTHER if text[0] == c"-" and text[1] == c"0" else INTEGER  # "-0" is no integer to everybody


def cut_csv(
    bytes data not None, int delimiter, int quote, int width, Py_ssize_t row, Py_ssize_t line,
    *, bint skip_space=False, bint trailing=False, int comment=NOTHING,
):
    """Cut whole lines of CSV into records, up to the first one that a strict reader must look at.

    The records are those of `csv.reader` in its strict mode. Cutting stops ahead of a record with another number of
    cells, with a quote out of place, or with a CR that no LF follows.

    Args:
        data: UTF-8 without NUL; the last line may lack its end.
        delimiter: A character of ASCII.
        quote: Likewise, or `NO_QUOTE`.
        width: Cells of a record.
        row: Number of the first record.
        line: Number of the first line.
        skip_space: True if the spaces ahead of a cell are not part of it.
        trailing: True if a delimiter ends each record, with nothing behind it.
        comment: Begins a line that is no record; a character of ASCII or `NO_QUOTE`.

    Returns:
        The block; how many lines it took; and True if the record below it must be read by the slow path, False
        if that record is whole or only needs more of the file.
    """
    cdef Block block = Block.__new__(Block)
    cdef const char* base = PyBytes_AS_STRING(data)
    cdef const char* end = base + PyBytes_GET_SIZE(data)
    cdef const char* p = base
    cdef const char* start
    cdef Span* span
    cdef int cell
    cdef Py_ssize_t taken = 0, below
    if width < 1 or PyBytes_GET_SIZE(data) > MOST_BYTES:
        raise ValueError("no cells, or too many bytes for a block")
    block.data, block.row, block.width, block.quote = data, row, width, quote
    while p < end:
        if p[0] == c"\n" or (p[0] == c"\r" and p + 1 < end and p[1] == c"\n"):  # a blank line
            p += 1 if p[0] == c"\n" else 2
            taken += 1
            continue
        if p[0] == comment:
            while p < end and p[0] != c"\r" and p[0] != c"\n":
                p += 1
            if p < end and p[0] == c"\r":
                p += 1
                if p == end or p[0] != c"\n":
                    return block, taken, True
            p += p < end
            taken += 1
            continue
        block.grow()
        span = block.spans + block.count * width
        below = taken
        cell = 0
        while True:
            if skip_space:
                while p < end and p[0] == c" ":
                    p += 1
            if cell == width:
                if trailing and (p == end or p[0] == c"\r" or p[0] == c"\n"):
                    cell += 1
                    break
                return block, taken, True
            span.doubled = 0
            if p < end and p[0] == quote:
                p += 1
                start = p
                while True:
                    while p < end and p[0] != quote and p[0] != c"\r" and p[0] != c"\n":
                        p += 1
                    if p == end:
                        return block, taken, False
                    if p[0] == c"\n":
                        below += 1
                    elif p[0] == c"\r":
                        if p + 1 == end or p[1] != c"\n":
                            return block, taken, True
                    elif p + 1 < end and p[1] == quote:
                        span.doubled += 1
                        p += 1
                    else:
                        break
                    p += 1
                span.start, span.size = start - base, p - start
                p += 1
                if p < end and p[0] != delimiter and p[0] != c"\r" and p[0] != c"\n":
                    return block, taken, True
            else:
                start = p
                while p < end and p[0] != delimiter and p[0] != c"\r" and p[0] != c"\n":
                    p += 1
                span.start, span.size = start - base, p - start
            cell += 1
            span += 1
            if p == end or p[0] != delimiter:
                break
            p += 1
        if cell < width + trailing:
            return block, taken, True
        if p < end and p[0] == c"\r":
            p += 1
            if p == end or p[0] != c"\n":
                return block, taken, True
        if p < end:
            p += 1
        block.lines[block.count] = line + taken
        block.count += 1
        taken = below + 1
    return block, taken, False


def cut_lines(bytes data not None, Py_ssize_t row, Py_ssize_t line, read):
    """Cut whole lines, each of which is a record, but for the blank ones.

    Args:
        data: The last line may lack its end.
        row: Number of the first record.
        line: Number of the first line.
        read: Makes the record, given its row, the number of its line and the bytes of that.

    Returns:
        The block, and how many lines it took: all.
    """
    cdef Block block = Block.__new__(Block)
    cdef const char* base = PyBytes_AS_STRING(data)
    cdef const char* end = base + PyBytes_GET_SIZE(data)
    cdef const char* p = base
    cdef const char* below
    cdef const char* text
    cdef Py_ssize_t taken = 0
    if PyBytes_GET_SIZE(data) > MOST_BYTES:
        raise ValueError("too many bytes for a block")
    block.data, block.row, block._read = data, row, read
    while p < end:
        below = <const char*> memchr(p, c"\n", end - p)
        below = end if below == NULL else below + 1
        text = p
        while text < below and (text[0] == c" " or 9 <= text[0] <= 13):  # as bytes.isspace has it
            text += 1
        if text < below:
            block.grow()
            block.spans[block.count].start, block.spans[block.count].size = p - base, below - p
            block.lines[block.count] = line + taken
            block.count += 1
        taken += 1
        p = below
    return block, taken
