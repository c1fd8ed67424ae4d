# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Finds the few cells of a column that Python must look at.

No cell is judged here: what is found may well be sound, but what is not found surely is. The rules are those of
`importer.events.field_notes`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memchr, memcmp

from importer.speedups.block cimport Block, Span
from importer.speedups.fields cimport Fields

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    MOST_SIZE = 63  # of a word, that a bit stands for
    MOST_NAME = 255  # bytes of an event's name: one with fewer has fewer characters, too


cdef dict KINDS = {"event": A_NAME, "distinct_id": AN_ID, "insert_id": AN_ID, "ip": AN_IP}


cdef class OddTexts:
    """Texts that may be padded, damaged, or words that mean no value.

    Args:
        words: The words, in lower case.
    """

    def __cinit__(self, words):
        cdef int first
        for first in range(256):
            self.sizes[first] = 0
        self.words = [[] for _ in range(256)]
        for word in words:
            text = word.encode()
            self.words[text[0]].append(text)
            self.sizes[<uint8_t> text[0]] |= <uint64_t> 1 << min(<int> len(text), MOST_SIZE)

    def in_column(self, Block block not None, int cell, field):
        """Return how many cells of a column are filled, and of each odd one its place and its text.

        Args:
            block: Of CSV, or `Fields`.
            cell: The column.
            field: What it holds. In ``event``, Mixpanel's own names and long ones are odd, too; in ``ip``, all but
                addresses of four numbers; in ``time``, only what has white space around it.
        """
        cdef int kind = kind_of(field)
        cdef const char* base = PyBytes_AS_STRING(block.data)
        cdef Span* span
        cdef Py_ssize_t n, filled = 0
        cdef bint of_json = isinstance(block, Fields)
        cdef list found = []
        check(block, cell)
        for n in range(block.count):
            span = block.spans + n * block.width + cell
            if span.size:
                filled += 1
                if of_json and base[span.start - 1] != c'"':  # a number
                    continue
                if self.is_odd(base + span.start, span.size, kind):
                    found.append((n, block.text(span)))
        return filled, found

    def in_values(self, values, field):
        """Return the same for some values of JSON, of which a float is odd in place of an id, too."""
        cdef int kind = kind_of(field)
        cdef Py_ssize_t size, n = -1, filled = 0
        cdef const char* text
        cdef list found = []
        for value in values:
            n += 1
            if type(value) is str:
                if not value:
                    continue
                try:
                    text = PyUnicode_AsUTF8AndSize(value, &size)
                    if not self.is_odd(text, size, kind):
                        filled += 1
                        continue
                except UnicodeEncodeError:
                    pass
            elif value is None:
                continue
            elif type(value) is not float or kind != AN_ID:
                filled += 1
                continue
            filled += 1
            found.append((n, value))
        return filled, found

    cdef bint is_odd(self, const char* text, Py_ssize_t size, int kind) except -1:
        """Return whether Python must look at a text, which is not empty."""
        cdef uint8_t first = <uint8_t> text[0], last = <uint8_t> text[size - 1]
        if kind == AN_IP:
            return not is_ipv4(text, size)
        if first <= c" " or last <= c" ":
            return True
        if first >= 0x80 and begins_blank(text, size) or last >= 0x80 and ends_blank(text, size):
            return True
        if kind == ANOTHER:
            return False
        if first == c"'" or first == c'"' or first == c"=" or first == c"#":
            return True
        if (c"0" <= first <= c"9" or first == c"-" or first == c"+") and is_odd_number(text, size):
            return True
        if memchr(text, 0xEF, size) != NULL:  # U+FFFD, U+FEFF
            return True
        if kind == A_NAME and memchr(text, 0xE2, size) != NULL:  # spaces without width, among others
            return True
        if kind == A_NAME and (first == c"$" or size > MOST_NAME or (size > 2 and memcmp(text, "mp_", 3) == 0)):
            return True
        return self.is_word(text, size)

    cdef bint is_word(self, const char* text, Py_ssize_t size) except -1:
        """Return whether a text is one of the words, in any case."""
        cdef bytes word
        cdef const char* expected
        cdef Py_ssize_t n
        cdef list words
        if not self.sizes[lowered(<uint8_t> text[0])] >> min(size, MOST_SIZE) & 1:
            return False
        words = <list> self.words[lowered(<uint8_t> text[0])]
        for word in words:
            if PyBytes_GET_SIZE(word) == size:
                expected = PyBytes_AS_STRING(word)
                n = 1
                while n < size and lowered(<uint8_t> text[n]) == <uint8_t> expected[n]:
                    n += 1
                if n == size:
                    return True
        return False


cdef int kind_of(field) except -1:
    return KINDS.get(field, ANOTHER)


cdef inline uint8_t lowered(uint8_t byte) noexcept:
    return byte + 32 if c"A" <= byte <= c"Z" else byte


cdef bint begins_blank(const char* text, Py_ssize_t size) noexcept:
    """Return whether a text may begin with a blank, or an invisible character, beyond ASCII."""
    cdef uint8_t first = <uint8_t> text[0], second = <uint8_t> text[1] if size > 1 else 0
    return first == 0xC2 or (first == 0xE1 and second == 0x9A) or (first == 0xE2 and second <= 0x81) or (
        first == 0xE3 and second == 0x80
    )


cdef bint ends_blank(const char* text, Py_ssize_t size) noexcept:
    """Return whether a text may end with a blank, or an invisible character, beyond ASCII."""
    return size > 1 and <uint8_t> text[size - 2] == 0xC2 or size > 2 and begins_blank(text + size - 3, 3)


cdef bint is_odd_number(const char* text, Py_ssize_t size) noexcept:
    """Return whether a text that begins as a number may be one that a program has written."""
    cdef const char* end = text + size
    cdef const char* p = end - 1
    while p > text and p[0] == c"0":
        p -= 1
    if p < end - 1 and p[0] == c".":  # 123.0
        return True
    if size > 4 and end[-4] == c",":  # 123,456
        return True
    p = text + 1 if text[0] == c"-" or text[0] == c"+" else text
    if end - p < 3 or not is_digit(p[0]):
        return False
    p += 1
    if p[0] == c"." or p[0] == c",":
        p += 1
        while p < end and is_digit(p[0]):
            p += 1
    if end - p > 5 or p == end:  # an exponent is its letter, a sign and up to three digits
        return False
    return (p[0] == c"E" or p[0] == c"e") and is_digit(end[-1])  # 1.23457E+11


cdef inline bint is_digit(char byte) noexcept:
    return c"0" <= byte <= c"9"


cdef bint is_ipv4(const char* text, Py_ssize_t size) noexcept:
    """Return whether a text is an address of four numbers, none of which begins with a needless 0."""
    cdef const char* end = text + size
    cdef int parts = 0, number
    cdef const char* start
    while True:
        start = text
        number = 0
        while text < end and c"0" <= text[0] <= c"9" and text - start < 3:
            number = 10 * number + (text[0] - c"0")
            text += 1
        if text == start or number > 255 or (start[0] == c"0" and text - start > 1):
            return False
        parts += 1
        if parts == 4:
            return text == end
        if text == end or text[0] != c".":
            return False
        text += 1


def with_braces(Block block not None, int cell, int most):
    """Return the place and the text of each cell of a column that may nest objects deeper (CSV).

    Args:
        block: The records.
        cell: The column.
        most: Objects and arrays around the innermost object, itself counted, that are not too deep.
    """
    cdef Span* span
    cdef Py_ssize_t n
    cdef list found = []
    check(block, cell)
    for n in range(block.count):
        span = block.spans + n * block.width + cell
        if is_deeper(block, span, most):
            found.append((n, block.text(span)))
    return found


def lines_with_braces(Block block not None, int most):
    """Return the place of each line that may nest objects deeper (JSONL); ``most`` as for `with_braces`."""
    cdef Py_ssize_t n
    if block.width:
        raise ValueError("its records are no lines")
    return [n for n in range(block.count) if is_deeper(block, block.spans + n, most)]


cdef bint has_more_braces(Block block, Span* span, int most) noexcept:
    cdef const char* p = PyBytes_AS_STRING(block.data) + span.start
    cdef const char* end = p + span.size
    cdef int braces = 0
    while braces <= most:
        p = <const char*> memchr(p, c"{", end - p)
        if p == NULL:
            return False
        braces += 1
        p += 1
    return True


cdef bint is_deeper(Block block, Span* span, int most) noexcept:
    """Return whether an object may stand deeper in a text of JSON; texts that are no JSON are not told apart."""
    cdef const char* p = PyBytes_AS_STRING(block.data) + span.start
    cdef const char* end = p + span.size
    cdef int step = 2 if block.width and span.doubled and block.quote == c'"' else 1  # bytes of a quote
    cdef int depth = 0
    cdef bint in_string = False
    if not has_more_braces(block, span, most):
        return False
    while p < end:
        if p[0] == c'"':
            in_string = not in_string
            p += step
        elif in_string:
            if p[0] == c"\\":
                p += 1
                if p == end:
                    return True
            p += step if p[0] == c'"' else 1
        else:
            if p[0] == c"{" or p[0] == c"[":
                depth += 1
                if depth > most and p[0] == c"{":
                    return True
            elif p[0] == c"}" or p[0] == c"]":
                depth -= 1
            p += 1
    return in_string  # then the quotes were not understood


cdef int check(Block block, int cell) except -1:
    if not 0 <= cell < block.width:
        raise IndexError(cell)
    return 0
