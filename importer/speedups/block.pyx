# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Blocks: the records of some lines of a file, as places in its bytes."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

from importer.speedups.canonical cimport end_of_decimal
from importer.speedups.marks cimport Marks, end_of_cell, end_of_characters, end_of_quoted, set_marks
from importer.speedups.strings cimport end_of_plain

from bisect import bisect_left
from operator import attrgetter

from importer.model import Record

cdef enum:
    DEEPEST = 64  # objects and arrays inside one another
    RECORD_SEPARATOR = 30  # ahead of each text of a JSON text sequence, RFC 7464
    MOST_BYTES = 0x7FFFFFFF  # that a span can address
    NOTHING = 256
    STRAY = 0  # in place of the number of cells

row_of_item = attrgetter("row")

NO_QUOTE = NOTHING
"""In place of the quote character if nothing encloses a cell: no byte has this value."""


cdef class Block:
    """A sequence of the records and the rejections in some whole lines. A record is made when it is asked for.

    What is said of columns is about the records alone: their places are counted without the rejections.

    Attributes:
        data: UTF-8, of which the lines are part.
        start: Where the first line begins in ``data``.
        end: Where the last one ends.
        row: Number of the first item; the others follow it without a gap.
        width: Cells of a record; 0 where a record is a line (JSONL).
    """

    def __cinit__(self):
        self.spans = NULL
        self.lines = NULL
        self.rejected = []

    def __dealloc__(self):
        PyMem_Free(self.spans)
        PyMem_Free(self.lines)

    cdef int grow(self, Py_ssize_t left) except -1:
        """Make space for one more record; bytes that are left tell how many more there may be."""
        cdef Py_ssize_t capacity
        cdef void* new
        if self.count < self._capacity:
            return 0
        capacity = 16 if left > 256 else 4
        if self.count:  # as many as records of the size so far, and some more
            capacity = self.count + 16 + left * self.count // max(self.end - self.start, 1) * 9 // 8
            capacity = min(capacity, 16 * self.count)
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

    @property
    def records(self):
        """How many of the items are records; of lines, each is one."""
        return self.count

    def __len__(self):
        return self.count + len(self.rejected)

    def __getitem__(self, at):
        cdef Py_ssize_t n, count = len(self), before
        if isinstance(at, slice):
            if at.indices(count) == (0, count, 1):
                return self
            return [self[n] for n in range(*at.indices(count))]
        n = at + count if at < 0 else at
        if not 0 <= n < count:
            raise IndexError(at)
        before = 0
        if self.rejected:
            before = bisect_left(self.rejected, self.row + n, key=row_of_item)
            if before < len(self.rejected) and self.rejected[before].row == self.row + n:
                return self.rejected[before]
        return self.record_at(n - before, self.row + n)

    def __iter__(self):
        return (self[n] for n in range(len(self)))

    cdef object record_at(self, Py_ssize_t n, Py_ssize_t row):
        """Return the record at a place among the records, which has that row; of a line, it may be a rejection."""
        cdef int cell
        cdef Span* span
        if not self.width:
            span = self.spans + n
            line = PyBytes_AS_STRING(self.data)[span.start : span.start + span.size]
            return self._read(row, self.lines[n], line)
        span = self.spans + n * self.width
        return Record(row, self.lines[n], [self.text(span + cell) for cell in range(self.width)], "")

    def record(self, Py_ssize_t n):
        """Return the record at a place among the records; of a line, it may be a rejection."""
        return self.record_at(n, self.row_of(n))

    def row_of(self, Py_ssize_t n):
        """Return the row of the record at a place among the records."""
        cdef Py_ssize_t row = self.row + n
        if not 0 <= n < self.count:
            raise IndexError(n)
        for rejection in self.rejected:
            if rejection.row > row:
                break
            row += 1
        return row

    def rows(self):
        """Return the rows of the records, in order, as ranges that have no gap."""
        cdef Py_ssize_t start = self.row
        cdef list found = []
        for rejection in self.rejected:
            if rejection.row > start:
                found.append(range(start, rejection.row))
            start = rejection.row + 1
        if start < self.row + len(self):
            found.append(range(start, self.row + len(self)))
        return found

    @property
    def rejections(self):
        """The rejections among the items, in order."""
        return list(self.rejected)

    def without(self, places not None, reject not None):
        """Return a block in which rejections stand in place of some records.

        Args:
            places: Of these records, in order.
            reject: Returns the rejection of one, given its place, its row and its line.
        """
        cdef Block rest = Block.__new__(Block)
        cdef Py_ssize_t n, row = self.row, at = 0, left = 0, width = max(self.width, 1), most = self.count
        cdef Py_ssize_t out = len(places), passed = len(self.rejected)
        rest.data, rest.row, rest.start, rest.end = self.data, self.row, self.start, self.end
        rest.width, rest.quote, rest._read = self.width, self.quote, self._read
        rest.spans = <Span*> PyMem_Malloc((most * width + 1) * sizeof(Span))
        rest.lines = <int64_t*> PyMem_Malloc((most + 1) * sizeof(int64_t))
        if rest.spans == NULL or rest.lines == NULL:
            raise MemoryError
        rest._capacity = most
        for n in range(most):
            while left < passed and self.rejected[left].row == row:
                rest.rejected.append(self.rejected[left])
                left += 1
                row += 1
            if at < out and places[at] == n:
                rest.rejected.append(reject(n, row, self.lines[n]))
                at += 1
            else:
                memcpy(rest.spans + rest.count * width, self.spans + n * width, width * sizeof(Span))
                rest.lines[rest.count] = self.lines[n]
                rest.count += 1
            row += 1
        if at < out:
            raise IndexError(places[at])
        rest.rejected += self.rejected[left:]
        return rest

    def column(self, int cell, places=None):
        """Return the cells of a column (CSV); of the records at some places, if these are given."""
        cdef Py_ssize_t n
        if not 0 <= cell < self.width:
            raise IndexError(cell)
        if places is not None:
            if places and not 0 <= min(places) <= max(places) < self.count:
                raise IndexError(places)
            return [self.text(self.spans + n * self.width + cell) for n in places]
        return [self.text(self.spans + n * self.width + cell) for n in range(self.count)]

    def count_column(self, int cell, tuple apart=(), known=0):
        """Count the cells of a column that are filled (CSV), and find the forms that they have.

        Args:
            cell: The column.
            apart: Texts, UTF-8, that are counted apart: their forms don't matter.
            known: Bits of the forms that are not looked for.

        Returns:
            How many cells are filled, without those counted apart; how many cells hold each text of ``apart``;
            and for each form beside those known, the place and the text of the first cell that has it, in
            order, up to one whose form is `OTHER`, which is None.
        """
        cdef const char* base = PyBytes_AS_STRING(self.data)
        cdef Span* span
        cdef Py_ssize_t n, at, filled = 0, texts = len(apart)
        cdef int form
        cdef Forms forms = forms_of(known)
        cdef bint looks = ~(forms.low & forms.high) != 0
        cdef list counts = [0] * texts, found = []
        if not 0 <= cell < self.width:
            raise IndexError(cell)
        for n in range(self.count):
            span = self.spans + n * self.width + cell
            if not span.size:
                continue
            if texts:
                at = self.place_of(span, apart)
                if at >= 0:
                    counts[at] += 1
                    continue
            filled += 1
            if looks:
                form = form_of(base + span.start, span.size)
                if not is_among(&forms, form):
                    if form & 64:
                        forms.high |= ONE << (form & 63)
                    else:
                        forms.low |= ONE << form
                    looks = form != OTHER
                    found.append((n, self.text(span)) if looks else None)
        return filled, counts, found

    def count_filled(self, cells not None):
        """Return how many cells are filled of each of some columns (CSV)."""
        cdef Span* span
        cdef Py_ssize_t n, filled
        cdef int cell
        cdef list counts = []
        for cell in cells:
            if not 0 <= cell < self.width:
                raise IndexError(cell)
            span, filled = self.spans + cell, 0
            for n in range(self.count):
                filled += span.size != 0
                span += self.width
            counts.append(filled)
        return counts

    cdef Py_ssize_t place_of(self, Span* span, tuple texts) except -2:
        """Return which of some texts a cell holds; -1 if it is none of them."""
        cdef const char* start = PyBytes_AS_STRING(self.data) + span.start
        cdef Py_ssize_t size = span.size, at
        cdef bytes text
        if span.doubled:
            unquoted = self.text(span).encode()
            start, size = PyBytes_AS_STRING(unquoted), PyBytes_GET_SIZE(unquoted)
        for at in range(len(texts)):
            text = texts[at]
            if PyBytes_GET_SIZE(text) == size and memcmp(PyBytes_AS_STRING(text), start, size) == 0:
                return at
        return -1


# The forms of cells, as the places of bits; `importer.profile.number_forms` gives them their meaning.
cdef enum:
    MOST_DECIMALS = 20  # that have a bit of their own
    GROUPED = 21  # in place of 3 decimals: what may also be an integer with a mark between its groups
    DATE = 22
    LONG_WHOLE = 23
    LONG = 24
    EXPONENT = 25  # and up to 6 decimals: their number is added
    LONG_EXPONENT = 47  # and 7 to 14 decimals
    ENDS_IN_ZERO = 32  # is added to the place of a bit
    OTHER = 62  # each that isn't known here
    TRUTH = 63
    EXPONENT_AND_ZERO = 64  # decimals of which the last is 0, with an exponent: their number is added
    MOST_SIGNIFICANT = 15  # digits that a number may have
    MOST_SIZE = 40  # of a number that is read here

cdef uint64_t ONE = 1
cdef int64_t LARGEST = (<int64_t> 1) << 53  # up to which a double holds every integer


cdef Forms forms_of(bits) except *:
    """Return the forms that have some bits."""
    cdef Forms forms
    forms.low, forms.high = <uint64_t> (bits & 0xFFFFFFFFFFFFFFFF), <uint64_t> (bits >> 64)
    return forms


cdef int form_of(const char* text, Py_ssize_t size) noexcept:
    """Return the form of a cell that isn't empty."""
    cdef const char* end = text + size
    cdef const char* whole = text + (text[0] == c"-")
    cdef const char* point
    cdef const char* digit
    cdef Py_ssize_t decimals, significant
    if not (c"0" <= text[0] <= c"9") and whole == text:
        return TRUTH if is_truth(text, size) else OTHER
    digit = end_of_decimal(text, end, &point) if size <= MOST_SIZE else NULL
    if digit != end:
        if digit != NULL and (digit[0] | 0x20) == c"e":
            return exponent_form(whole, point, digit, end)
        return DATE if is_date(text, size) else OTHER
    if point == end:
        if whole > text and whole[0] == c"0":
            return OTHER  # "-0" is no integer to everybody
        if end - whole <= MOST_SIGNIFICANT:
            return 0
        return LONG_WHOLE if end - whole == 16 and is_safe(whole, end) else OTHER
    decimals = end - point - 1
    if size > MOST_SIGNIFICANT:
        digit = whole
        while digit < end and (digit[0] == c"0" or digit[0] == c"."):
            digit += 1
        significant = end - digit - (digit <= point)
        if significant > MOST_SIGNIFICANT:
            return LONG
        if decimals > MOST_DECIMALS:
            return OTHER
    if decimals == 3 and point - whole <= 3 and whole[0] != c"0":
        decimals = GROUPED
    return decimals + (ENDS_IN_ZERO if (end - 1)[0] == c"0" else 0)


cdef int exponent_form(const char* whole, const char* point, const char* e, const char* end) noexcept:
    """Return the form of a decimal with an exponent, which begins with ``e``; `OTHER` if it is not a short one."""
    cdef bint ends_in_zero = e > point and (e - 1)[0] == c"0"
    cdef Py_ssize_t decimals = e - point - 1 if e > point else 0
    cdef bint has_sign
    if e - whole - (decimals > 0) > MOST_SIGNIFICANT:
        return OTHER
    has_sign = end - e > 1 and ((e + 1)[0] == c"-" or (e + 1)[0] == c"+")
    if not has_sign and not decimals:
        return OTHER  # programs write one or the other
    e += 2 if has_sign else 1
    if end - e == 3 and c"0" <= e[0] <= c"1":  # as far as a double holds any fifteen digits
        e += 1
    if not 0 < end - e < 3 or not is_digit(e[0]) or not is_digit((end - 1)[0]):
        return OTHER
    if ends_in_zero:
        return EXPONENT_AND_ZERO + decimals
    return decimals + (EXPONENT if decimals < 7 else LONG_EXPONENT)


cdef bint is_safe(const char* digit, const char* end) noexcept:
    """Return whether a double holds each integer up to one of 16 digits."""
    cdef int64_t number = 0
    while digit < end:
        number = 10 * number + (digit[0] - c"0")
        digit += 1
    return number <= LARGEST


cdef bint is_truth(const char* text, Py_ssize_t size) noexcept:
    """Return whether a cell is ``true`` or ``false`` in any case."""
    cdef const char* word = "true" if size == 4 else "false"
    cdef Py_ssize_t n
    if size != 4 and size != 5:
        return False
    for n in range(size):
        if (text[n] | 0x20) != word[n] or text[n] < c"A":
            return False
    return True


cdef inline bint is_digit(char c) noexcept:
    return c"0" <= c <= c"9"


cdef inline bint ends_date(char c) noexcept:
    return c == c" " or c == c"T" or c == c","


cdef bint is_date(const char* text, Py_ssize_t size) noexcept:
    """Return whether a cell begins with a date: year, month and day, or day and month and year, in digits."""
    cdef const char* p = text
    cdef const char* end = text + size
    cdef const char* start
    cdef char mark = 0
    cdef bint year_first = False
    cdef Py_ssize_t part, length
    if size >= 10 and text[4] == c"-" and text[7] == c"-" and (size == 10 or ends_date(text[10])):
        if (
            is_digit(text[0]) & is_digit(text[1]) & is_digit(text[2]) & is_digit(text[3])
            & is_digit(text[5]) & is_digit(text[6]) & is_digit(text[8]) & is_digit(text[9])
        ):
            return True
    for part in range(3):
        start = p
        while p < end and p - start < 4 and is_digit(p[0]):
            p += 1
        length = p - start
        if part == 2:
            break
        if length == 0 or p == end or (length > 2 and (part == 1 or length == 3)):
            return False
        if part == 0:
            mark, year_first = p[0], length == 4
            if mark != c"-" and mark != c"/" and (mark != c"." or year_first):
                return False
        elif p[0] != mark:
            return False
        p += 1
    if length != 4 if mark == c"." else length == 0 or length == 3 or (year_first and length == 4):
        return False
    if not year_first and length == 1:
        return False
    return p == end or ends_date(p[0])


cdef const char* end_of_line(const char* p, const char* end) noexcept:
    """Return where the LF of a line is, or where its CR and LF begin; NULL if another CR may end it."""
    cdef const char* stop = <const char*> memchr(p, c"\n", end - p)
    cdef const char* cr
    stop = end if stop == NULL else stop
    cr = <const char*> memchr(p, c"\r", stop - p)
    if cr == NULL:
        return stop
    return cr if cr + 1 == stop and stop < end else NULL


cdef bint holds_names(Block block, Span* span, tuple names) except -1:
    """Return whether each cell of a record is one of some texts."""
    cdef int cell
    for cell in range(block.width):
        if block.place_of(span + cell, names) < 0:
            return False
    return True


def cut_csv(
    bytes data not None, int delimiter, int quote, int width, Py_ssize_t row, Py_ssize_t line,
    *, bint skip_space=False, bint trailing=False, int comment=NOTHING, tuple names=(), reject=None,
    Py_ssize_t start=0, stop=None,
):
    """Cut whole lines of CSV into records, up to the first one that a strict reader must look at.

    The records are those of `csv.reader` in its strict mode. Cutting stops ahead of a record with a CR that no LF
    follows, and ahead of one that may be the header again; and ahead of one with another number of cells or with a
    quote out of place, if it has several lines or there is no ``reject``.

    Args:
        data: UTF-8 without NUL, as far as it is cut; the last line may lack its end.
        delimiter: A character of ASCII.
        quote: Likewise, or `NO_QUOTE`.
        width: Cells of a record.
        row: Number of the first record.
        line: Number of the first line.
        skip_space: True if the spaces ahead of a cell are not part of it.
        trailing: True if a delimiter ends each record, with nothing behind it.
        comment: Begins a line that is no record; a character of ASCII or `NO_QUOTE`.
        names: Texts, UTF-8; a record of which each cell is one of them may be the header again.
        reject: Returns the rejection of a record on one line that has another number of cells, given its row, the
            number of its line, where that starts and ends in ``data``, and the number of cells; 0 of these if a
            cell goes on behind its closing quote. None to stop there; so it must be if a delimiter ends a record.
        start: Where the lines begin in ``data``.
        stop: Where they end; None for the end of ``data``.

    Returns:
        The block; how many lines it took; and True if the record below it must be read by the slow path, False
        if that record is whole or only needs more of the file.
    """
    cdef Block block = new_block(data, start, stop, row)
    cdef const char* base = PyBytes_AS_STRING(data)
    cdef const char* end = base + block.end
    cdef const char* p = base + start
    cdef const char* begin
    cdef Marks marks
    cdef const char* first  # where the record begins
    cdef Span* span
    cdef Span beyond  # each cell of a record that has too many
    cdef int cell
    cdef Py_ssize_t taken = 0, below
    cdef bytes name
    cdef uint64_t sizes[256]  # of the names, as bits, by their first byte
    cdef bint has_names = len(names) > 0, has_empty_name = False
    if has_names:
        memset(sizes, 0, sizeof(sizes))
    for name in names:
        if PyBytes_GET_SIZE(name):
            sizes[<unsigned char> PyBytes_AS_STRING(name)[0]] |= ONE << (PyBytes_GET_SIZE(name) & 63)
        else:
            has_empty_name = True
    if width < 1:
        raise ValueError("no cells")
    block.width, block.quote, block.end = width, quote, start
    set_marks(&marks, p, end, delimiter, c"\n" if quote == NOTHING else quote)
    while p < end:
        if p[0] == c"\n" or (p[0] == c"\r" and p + 1 < end and p[1] == c"\n"):  # a blank line
            p += 1 if p[0] == c"\n" else 2
            taken += 1
            block.end = p - base
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
            block.end = p - base
            continue
        block.grow(end - p)
        span = block.spans + block.count * width
        below = taken
        cell = 0
        first = p
        while True:
            if skip_space:
                while p < end and p[0] == c" ":
                    p += 1
            if cell >= width:
                if trailing and (p == end or p[0] == c"\r" or p[0] == c"\n"):
                    cell += 1
                    break
                if reject is None:
                    return block, taken, True
                span = &beyond
            if p < end and p[0] == quote:
                p += 1
                begin = p
                span.doubled = 0
                while True:
                    p = end_of_quoted(&marks, p, &span.doubled)
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
                span.start, span.size = begin - base, p - begin
                p += 1
                if p < end and p[0] != delimiter and p[0] != c"\r" and p[0] != c"\n":
                    p = end_of_line(p, end) if below == taken and reject is not None else NULL
                    if p == NULL:
                        return block, taken, True
                    cell = STRAY
                    break
            else:
                begin = p
                p = end_of_cell(&marks, p)
                span.start, span.size, span.doubled = begin - base, p - begin, 0
            cell += 1
            span += 1
            if p == end or p[0] != delimiter:
                break
            p += 1
        if cell != width + trailing and (reject is None or below > taken):
            return block, taken, True
        if p < end and p[0] == c"\r":
            p += 1
            if p == end or p[0] != c"\n":
                return block, taken, True
        if cell != width + trailing:
            p += p < end
            block.rejected.append(reject(row + len(block), line + taken, first - base, p - base, cell))
            block.end = p - base
            taken += 1
            continue
        if has_names:
            span -= width
            if (
                sizes[<unsigned char> base[span.start]] >> ((span.size - span.doubled) & 63) & 1
                if span.size else has_empty_name
            ):
                if holds_names(block, span, names):
                    return block, taken, True
        if p < end:
            p += 1
        block.lines[block.count] = line + taken
        block.count += 1
        block.end = p - base
        taken = below + 1
    return block, taken, False


def cut_lines(
    bytes data not None, Py_ssize_t row, Py_ssize_t line, read, *, Py_ssize_t start=0, stop=None,
):
    """Cut whole lines, each of which is a record, but for the blank ones.

    Args:
        data: The last line may lack its end.
        row: Number of the first record.
        line: Number of the first line.
        read: Makes the record, given its row, the number of its line and the bytes of that.
        start: Where the lines begin in ``data``.
        stop: Where they end; None for the end of ``data``.

    Returns:
        The block, and how many lines it took: all.
    """
    cdef Block block = new_block(data, start, stop, row)
    cdef const char* base = PyBytes_AS_STRING(data)
    cdef const char* end = base + block.end
    cdef const char* p = base + start
    cdef const char* below
    cdef const char* text
    cdef Py_ssize_t taken = 0
    block._read = read
    block.end = start
    while p < end:
        below = <const char*> memchr(p, c"\n", end - p)
        below = end if below == NULL else below + 1
        text = p
        while text < below and (text[0] == c" " or 9 <= text[0] <= 13):  # as bytes.isspace has it
            text += 1
        if text < below:
            block.grow(end - p)
            block.spans[block.count].start, block.spans[block.count].size = p - base, below - p
            block.lines[block.count] = line + taken
            block.count += 1
        taken += 1
        p = below
        block.end = p - base
    return block, taken


def cut_objects(
    bytes data not None, Py_ssize_t row, Py_ssize_t line, read, bint comma, Py_ssize_t most,
    *, Py_ssize_t start=0, stop=None,
):
    """Cut objects of JSON that follow one another, over any number of lines, up to the first that isn't simple.

    Only their braces, brackets and strings are looked at. Whether they are JSON is up to ``read``.

    Args:
        data: UTF-8.
        row: Number of the first record.
        line: Number of the line at ``start``.
        read: Makes a record, given its row, the number of the line on which it begins, and its bytes.
        comma: True if a comma stands ahead of each object, as in an array behind its first element.
        most: Bytes that an object may have.
        start: Where to begin in ``data``.
        stop: Where to end; None for the end of ``data``.

    Returns:
        The block, which ends behind its last object; how many line ends it took; and True if what follows must be
        read by the slow path, False if it goes on beyond ``stop``.
    """
    cdef Block block = new_block(data, start, stop, row)
    cdef const char* base = PyBytes_AS_STRING(data)
    cdef const char* end = base + block.end
    cdef const char* p = base + start
    cdef const char* text
    cdef Py_ssize_t lines = 0, below
    cdef char blank = c" " if comma else RECORD_SEPARATOR
    block._read = read
    block.end = start
    while True:
        below = lines
        p = skip_lines(p, end, &below, blank)
        if comma and p < end:
            if p[0] != c",":
                return block, lines, True
            p = skip_lines(p + 1, end, &below, blank)
        if p == end:
            return block, lines, False
        if p[0] != c"{":
            return block, lines, True
        text = p
        block.grow(end - p)
        block.lines[block.count] = line + below
        p = end_of_object(p, end, &below)
        if p == NULL:
            return block, lines, True
        if p > end:
            return block, lines, end - text > most
        if p - text > most:
            return block, lines, True
        block.spans[block.count].start, block.spans[block.count].size = text - base, p - text
        block.count += 1
        block.end = p - base
        lines = below


cdef inline const char* skip_lines(const char* p, const char* end, Py_ssize_t* lines, char blank) noexcept:
    """Return where something else than blanks and line ends stands; count the line ends."""
    while p < end and (p[0] == c" " or p[0] == c"\n" or p[0] == c"\t" or p[0] == c"\r" or p[0] == blank):
        lines[0] += p[0] == c"\n"
        p += 1
    return p


cdef const char* end_of_object(const char* p, const char* end, Py_ssize_t* lines) noexcept:
    """Return where the object ends that begins at a place, and count the line ends in it.

    Beyond ``end``, it goes on there. NULL if its braces and brackets don't fit each other, or are too many.
    """
    cdef uint64_t kinds = 0  # of what is open: a bit that is set is an array; the lowest is the innermost
    cdef int depth = 0
    while p < end:
        if p[0] == c'"':
            p = end_of_plain(p + 1, end)
            while p < end and p[0] != c'"':
                lines[0] += p[0] == c"\n"
                p = end_of_plain(p + (2 if p[0] == c"\\" else 1), end) if end - p > 1 else end
            if p >= end:
                return end + 1
        elif p[0] == c"{" or p[0] == c"[":
            if depth == DEEPEST:
                return NULL
            depth += 1
            kinds = kinds << 1 | (p[0] == c"[")
        elif p[0] == c"}" or p[0] == c"]":
            if (kinds & 1) != (p[0] == c"]"):
                return NULL
            depth -= 1
            kinds >>= 1
            if depth == 0:
                return p + 1
        else:
            lines[0] += p[0] == c"\n"
        p += 1
    return end + 1


cdef Block new_block(bytes data, Py_ssize_t start, stop, Py_ssize_t row):
    """Return a block without records, whose ``end`` is that of the lines that are to be cut."""
    cdef Block block = Block.__new__(Block)
    cdef Py_ssize_t end = PyBytes_GET_SIZE(data) if stop is None else stop
    if not 0 <= start <= end <= PyBytes_GET_SIZE(data):
        raise IndexError(start, stop)
    if end > MOST_BYTES:
        raise ValueError("too many bytes for a block")
    block.data, block.row, block.end, block.start = data, row, end, start
    return block


def end_of_text(bytes data not None, Py_ssize_t start, Py_ssize_t stop, *, bint nul=False):
    """Return where the first byte stands that is not part of a text in UTF-8.

    Args:
        data: Any bytes.
        start: Where to begin.
        stop: Where to stop; a character that goes on beyond is none.
        nul: True if a NUL is part of a text.

    Returns:
        As many bytes as are decoded without an error; ``stop`` if there is no such byte.
    """
    cdef const char* base = PyBytes_AS_STRING(data)
    if not 0 <= start <= stop <= PyBytes_GET_SIZE(data):
        raise IndexError(start, stop)
    return end_of_characters(base + start, base + stop, nul) - base
