# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Finds the values of a few keys in lines of JSON, and skips all others.

A line is checked to be JSON on the way, as orjson would read it: what is not surely read alike is left to Python.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from importer.speedups.block cimport Block, Span
from importer.speedups.canonical cimport Buffer, behind_member, hex_of, skip_blanks
from importer.speedups.strings cimport end_of_plain

cdef enum:
    DEEPEST = 64  # arrays and objects inside one another
    MOST_DIGITS = 18  # of an integer that surely fits 64 bits
    MOST_SIZE = 40  # of another number
    MOST_KEYS = 16
    SHORT = 16  # of a decimal: fifteen digits, which a double keeps, and the point
    NOTHING = 256  # no byte: see `block`


cdef enum:  # what a value may be beside a text
    TEXT_ONLY = 0
    WHOLE_NUMBERS = 1
    SHORT_DECIMALS = 2  # and whole numbers
    TRUTH_VALUES = 3


cdef class Fields(Block):
    """The values of some keys in lines of JSON, as the cells of CSV: texts, and numbers and truth values as they stand.

    A cell is empty where a line has no such key, or nothing for it. In the bytes, a quote stands ahead of a text.
    Texts that are written with escapes stand behind the lines, as they are without.
    """

    def values(self, int cell):
        """Return the values of a column in which there are texts and whole numbers; None where there is none."""
        cdef const char* base = PyBytes_AS_STRING(self.data)
        cdef Span* span
        cdef Py_ssize_t n
        cdef list found = []
        if not 0 <= cell < self.width:
            raise IndexError(cell)
        for n in range(self.count):
            span = self.spans + n * self.width + cell
            if not span.size:
                found.append(None)
                continue
            text = PyUnicode_DecodeUTF8(base + span.start, span.size, NULL)
            found.append(text if base[span.start - 1] == c'"' else int(text))
        return found


cdef struct Key:
    const char* text
    Py_ssize_t size
    int cell
    bint is_inside
    bint is_required
    int others
    int instead_of


cdef class FieldFinder:
    """Finds the values of keys in lines of JSON, directly in the object of a line or in one of its objects.

    Args:
        keys: Each with True if it stands in the object ``inside``; True if a line without its value is left to
            Python; what the value may be beside a text: 0 for nothing, 1 for a whole number, 2 for a decimal of
            a few digits, too, 3 for true or false; and the place of the key instead of which it may count, -1
            for none: a line that has its value, and not that one, is left to Python.
        inside: The key of the object in which the other keys stand; empty if there are none.
        refused: Keys of a line, each of which leaves it to Python.
        refused_inside: The same in the object ``inside``.
    """

    cdef Key[MOST_KEYS] keys
    cdef int count
    cdef uint64_t outside_sizes, inside_sizes  # of the keys that matter: a bit for each size
    cdef uint32_t required
    cdef bytes inside
    cdef tuple refused, refused_inside
    cdef list kept
    cdef Py_ssize_t lines_end  # of the block at hand
    cdef Buffer unescaped  # texts of the block at hand, each with a quote ahead of it

    def __cinit__(self, keys, bytes inside, tuple refused, tuple refused_inside=()):
        cdef int n
        cdef bytes text
        self.count, self.required, self.kept = len(keys), 0, []
        if len(keys) > MOST_KEYS:
            raise ValueError("too many keys")
        self.outside_sizes = self.inside_sizes = 0
        self.inside, self.refused, self.refused_inside, self.unescaped = inside, refused, refused_inside, Buffer()
        for n, (text, is_inside, is_required, others, instead_of) in enumerate(keys):
            if not -1 <= instead_of < self.count:
                raise IndexError(instead_of)
            self.keys[n].instead_of = instead_of
            self.kept.append(text)
            self.keys[n].text, self.keys[n].size = PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
            self.keys[n].cell, self.keys[n].is_inside = n, is_inside
            self.keys[n].is_required, self.keys[n].others = is_required, others
            self.required |= (1 if is_required else 0) << n
            if is_inside:
                self.inside_sizes |= bit_of(len(text))
            else:
                self.outside_sizes |= bit_of(len(text))
        for text in (*refused, *((inside,) if inside else ())):
            self.outside_sizes |= bit_of(len(text))
        for text in refused_inside:
            self.inside_sizes |= bit_of(len(text))

    def parts(self, Block block not None, Py_ssize_t least=1):
        """Return the lines of a block in parts of one kind, in order.

        Args:
            block: Of lines (JSONL).
            least: Lines that the parts of a block must have on average; else it is left to Python as a whole.

        Returns:
            For each part its lines, and their `Fields`, with a column for each key; None in place of these where
            Python must read the lines.
        """
        cdef Fields fields
        cdef Py_ssize_t count = block.count, n, start = 0, runs = 1
        cdef char* found
        cdef list parts = []
        if block.width:
            raise ValueError("its records are no lines")
        fields = Fields.__new__(Fields)
        fields.data, fields.row, fields.width, fields.quote = block.data, block.row, self.count, NOTHING
        fields.rejected = block.rejected
        fields.spans = <Span*> PyMem_Malloc((count * self.count + 1) * sizeof(Span))
        fields.lines = <int64_t*> PyMem_Malloc((count + 1) * sizeof(int64_t))
        found = <char*> PyMem_Malloc(count + 1)
        if fields.spans == NULL or fields.lines == NULL or found == NULL:
            PyMem_Free(found)
            raise MemoryError
        if count:
            memcpy(fields.lines, block.lines, count * sizeof(int64_t))
        fields.count = fields._capacity = count
        self.unescaped.at, self.lines_end = self.unescaped.base, PyBytes_GET_SIZE(block.data)
        self.unescaped.reserve(PyBytes_GET_SIZE(block.data) + count * self.count + MOST_KEYS)
        for n in range(count):
            found[n] = self.read_line(block, n, fields.spans + n * self.count)
            runs += n and found[n] != found[n - 1]
        try:
            if self.unescaped.used():
                fields.data = block.data + self.unescaped.base[: self.unescaped.used()]
            if runs > 1 and runs * least > count:
                return [(block, None)]
            if runs == 1:
                return [(block, fields if count and found[0] else None)]
            for n in range(1, count + 1):
                if n == count or found[n] != found[start]:
                    lines = part_of(Block.__new__(Block), block, start, n)
                    values = part_of(Fields.__new__(Fields), fields, start, n) if found[start] else None
                    parts.append((lines, values))
                    start = n
        finally:
            PyMem_Free(found)
        return parts

    cdef bint read_line(self, Block block, Py_ssize_t n, Span* spans) noexcept:
        """Find the values in a line; False to leave it to Python."""
        cdef const char* base = PyBytes_AS_STRING(block.data)
        cdef const char* p = base + block.spans[n].start
        cdef const char* end = p + block.spans[n].size
        cdef uint32_t seen = 0  # a bit for each key; the highest for the object inside
        cdef int cell, other
        for cell in range(self.count):
            spans[cell].start = spans[cell].size = spans[cell].doubled = 0
        p = skip_blanks(p, end)
        if p == end or p[0] != c"{":
            return False
        p = self.read_object(p + 1, end, base, spans, &seen, False)
        if p == NULL or skip_blanks(p, end) != end:
            return False
        for cell in range(self.count):
            if spans[cell].size:
                other = self.keys[cell].instead_of
                if other >= 0 and not spans[other].size:
                    return False
            elif self.keys[cell].is_required:
                return False
        return True

    cdef const char* read_object(
        self, const char* p, const char* end, const char* base, Span* spans, uint32_t* seen, bint is_inside
    ) noexcept:
        """Read an object, behind its brace; return where it ends; NULL to leave the line to Python."""
        cdef const char* key
        cdef char* before
        cdef Py_ssize_t size
        cdef uint64_t sizes = self.inside_sizes if is_inside else self.outside_sizes
        cdef int found
        cdef bint is_last = False
        p = skip_blanks(p, end)
        if p < end and p[0] == c"}":
            return p + 1
        while True:
            p = skip_blanks(p, end)
            if p == end or p[0] != c'"':
                return NULL
            key = p + 1
            p = end_of_plain(key, end)
            size = p - key
            before = self.unescaped.at
            if p < end and p[0] == c'"':
                p += 1
            else:
                p = self.unescape(key, end)
                key, size = before, self.unescaped.at - before
                if p == NULL:
                    return NULL
            p = skip_blanks(p, end)
            if p == end or p[0] != c":":
                return NULL
            p = skip_blanks(p + 1, end)
            found = self.find(key, size, is_inside) if sizes & bit_of(size) else NO_KEY
            self.unescaped.at = before
            if found == NO_KEY:
                p = skip_value(p, end, 1 + is_inside)
            elif found >= 0:
                p = self.read_value(p, end, base, spans, seen, found)
            elif found == INSIDE and p < end and p[0] == c"{" and not seen[0] >> 31:
                seen[0] |= <uint32_t> 1 << 31
                p = self.read_object(p + 1, end, base, spans, seen, True)
            else:
                return NULL
            if p == NULL:
                return NULL
            p = behind_member(p, end, c"}", &is_last)
            if p == NULL or is_last:
                return p

    cdef const char* unescape(self, const char* p, const char* end) noexcept:
        """Write a string without its escapes, behind its first quote; return where it ends; NULL as `skip_value`."""
        cdef const char* start
        while True:
            start = p
            p = end_of_plain(p, end)
            if end - p < 2 and not (p < end and p[0] == c'"'):
                return NULL
            self.unescaped.put(start, p - start)
            if p[0] == c'"':
                return p + 1
            if p[0] != c"\\":
                return NULL
            p += 2
            if (p - 1)[0] == c"u":
                p = put_unicode(self.unescaped, p, end)
                if p == NULL:
                    return NULL
            elif MEANING[<uint8_t> (p - 1)[0]]:
                self.unescaped.put(<const char*> &MEANING[<uint8_t> (p - 1)[0]], 1)
            else:
                return NULL

    cdef int find(self, const char* text, Py_ssize_t size, bint is_inside) noexcept:
        """Return the cell of a key, or what else it is."""
        cdef int n
        cdef bytes each
        for n in range(self.count):
            if self.keys[n].size == size and self.keys[n].is_inside == is_inside and (
                memcmp(self.keys[n].text, text, size) == 0
            ):
                return n
        if not is_inside and size and is_text(self.inside, text, size):
            return INSIDE
        for each in self.refused_inside if is_inside else self.refused:
            if is_text(each, text, size):
                return REFUSED
        return NO_KEY

    cdef const char* read_value(
        self, const char* p, const char* end, const char* base, Span* spans, uint32_t* seen, int cell
    ) noexcept:
        """Keep the value of a key; return where it ends; NULL to leave the line to Python."""
        cdef const char* start = p
        if seen[0] >> cell & 1 or p == end:  # a key that stands twice
            return NULL
        seen[0] |= <uint32_t> 1 << cell
        if p[0] == c'"':
            p = end_of_plain(p + 1, end)
            if p < end and p[0] == c'"':
                spans[cell].start, spans[cell].size = start + 1 - base, p - start - 1
                return p + 1
            self.unescaped.put('"', 1)
            spans[cell].start = self.lines_end + self.unescaped.used()
            p = self.unescape(start + 1, end)
            spans[cell].size = self.lines_end + self.unescaped.used() - spans[cell].start
            return p
        if p[0] == c"n":
            return skip_word(p, end, "null", 4)
        if self.keys[cell].others == TRUTH_VALUES:
            p = skip_word(p, end, "true", 4) if p[0] == c"t" else skip_word(p, end, "false", 5)
            if p != NULL:
                spans[cell].start, spans[cell].size = start - base, p - start
            return p
        if self.keys[cell].others == TEXT_ONLY:
            return NULL
        p += p[0] == c"-"
        if p < end and p[0] == c"0" and p > start:
            return NULL  # -0 is 0
        while p < end and c"0" <= p[0] <= c"9":
            p += 1
        if p < end and p[0] == c"." and self.keys[cell].others == SHORT_DECIMALS:
            p = skip_number(start, end)
            if p != NULL and p - start - (start[0] == c"-") > SHORT:
                return NULL
            if p != NULL:
                spans[cell].start, spans[cell].size = start - base, p - start
            return p
        if p < end and (p[0] == c"." or p[0] == c"e" or p[0] == c"E"):
            return NULL
        spans[cell].start, spans[cell].size = start - base, p - start
        return skip_number(start, end)


cdef enum:  # what a key is that has no cell
    NO_KEY = -1
    INSIDE = -2
    REFUSED = -3


cdef uint8_t[256] MEANING  # of the letter behind a backslash; 0 for none
MEANING[:] = [0] * 256
MEANING[c'"'], MEANING[c"\\"], MEANING[c"/"] = c'"', c"\\", c"/"
MEANING[c"b"], MEANING[c"t"], MEANING[c"n"], MEANING[c"f"], MEANING[c"r"] = c"\b", c"\t", c"\n", c"\f", c"\r"


cdef inline uint64_t bit_of(Py_ssize_t size) noexcept:
    return <uint64_t> 1 << min(size, 63)


cdef inline bint is_text(bytes expected, const char* text, Py_ssize_t size) noexcept:
    return PyBytes_GET_SIZE(expected) == size and memcmp(PyBytes_AS_STRING(expected), text, size) == 0


# ── what is skipped ──────────────────────────────────────────────────────────────────────────────


cdef const char* skip_value(const char* p, const char* end, int deep) noexcept:
    """Return where a value ends, which stands in so many arrays and objects; NULL to leave the line to Python."""
    if p == end:
        return NULL
    if p[0] == c'"':
        return skip_string(p + 1, end)
    if c"0" <= p[0] <= c"9" or p[0] == c"-":
        return skip_number(p, end)
    if p[0] == c"t":
        return skip_word(p, end, "true", 4)
    if p[0] == c"f":
        return skip_word(p, end, "false", 5)
    if p[0] == c"n":
        return skip_word(p, end, "null", 4)
    if deep >= DEEPEST:
        return NULL
    if p[0] == c"{":
        return skip_members(p + 1, end, deep + 1, True)
    if p[0] == c"[":
        return skip_members(p + 1, end, deep + 1, False)
    return NULL


cdef const char* skip_members(const char* p, const char* end, int deep, bint has_keys) noexcept:
    """Return where an object or an array ends, behind its first brace or bracket; NULL as for `skip_value`."""
    cdef char last = c"}" if has_keys else c"]"
    cdef bint is_last = False
    p = skip_blanks(p, end)
    if p < end and p[0] == last:
        return p + 1
    while True:
        p = skip_blanks(p, end)
        if has_keys:
            if p == end or p[0] != c'"':
                return NULL
            p = skip_string(p + 1, end)
            if p == NULL:
                return NULL
            p = skip_blanks(p, end)
            if p == end or p[0] != c":":
                return NULL
            p = skip_blanks(p + 1, end)
        p = skip_value(p, end, deep)
        if p == NULL:
            return NULL
        p = behind_member(p, end, last, &is_last)
        if p == NULL or is_last:
            return p


cdef inline const char* skip_string(const char* p, const char* end) noexcept:
    """Return where a string ends, behind its first quote; NULL as for `skip_value`."""
    cdef char c
    while True:
        p = end_of_plain(p, end)
        if p == end:
            return NULL
        if p[0] == c'"':
            return p + 1
        if p[0] != c"\\" or end - p < 2:
            return NULL
        c = p[1]
        p += 2
        if c == c"u":
            p = skip_hex(p, end)
            if p == NULL:
                return NULL
        elif not MEANING[<uint8_t> c]:
            return NULL


cdef const char* skip_hex(const char* p, const char* end) noexcept:
    """Return where an escape ends, behind its ``u``; NULL as for `skip_value`."""
    cdef int code = hex_of(p) if end - p >= 4 else -1
    if 0xD800 <= code < 0xDC00 and end - p >= 10 and p[4] == c"\\" and p[5] == c"u":
        return p + 10 if 0xDC00 <= hex_of(p + 6) < 0xE000 else NULL
    return NULL if code < 0 or 0xD800 <= code < 0xE000 else p + 4


cdef const char* put_unicode(Buffer out, const char* p, const char* end) noexcept:
    """Write the character that an escape means, behind its ``u``; return where it ends; NULL if it is none."""
    cdef int code, low
    if end - p < 4:
        return NULL
    code = hex_of(p)
    p += 4
    if 0xD800 <= code < 0xDC00 and end - p >= 6 and p[0] == c"\\" and p[1] == c"u":
        low = hex_of(p + 2)
        if not 0xDC00 <= low < 0xE000:
            return NULL
        code = 0x10000 + (code - 0xD800 << 10) + low - 0xDC00
        p += 6
    if code < 0 or 0xD800 <= code < 0xE000:  # half of a pair
        return NULL
    if code < 0x80:
        out.at[0] = <char> code
        out.at += 1
    elif code < 0x800:
        out.at[0], out.at[1] = <char> (0xC0 | code >> 6), <char> (0x80 | (code & 0x3F))
        out.at += 2
    elif code < 0x10000:
        out.at[0], out.at[1] = <char> (0xE0 | code >> 12), <char> (0x80 | (code >> 6 & 0x3F))
        out.at[2] = <char> (0x80 | (code & 0x3F))
        out.at += 3
    else:
        out.at[0], out.at[1] = <char> (0xF0 | code >> 18), <char> (0x80 | (code >> 12 & 0x3F))
        out.at[2], out.at[3] = <char> (0x80 | (code >> 6 & 0x3F)), <char> (0x80 | (code & 0x3F))
        out.at += 4
    return p


cdef inline const char* skip_digits(const char* p, const char* end) noexcept:
    while p < end and c"0" <= p[0] <= c"9":
        p += 1
    return p


cdef inline const char* skip_number(const char* p, const char* end) noexcept:
    """Return where a number ends; NULL if it is none, or one that 64 bits may not hold."""
    cdef const char* start = p + (p < end and p[0] == c"-")
    cdef const char* digits
    p = skip_digits(start, end)
    if p == start or (start[0] == c"0" and p - start > 1):
        return NULL
    if p == end or (p[0] != c"." and p[0] != c"e" and p[0] != c"E"):
        return p if p - start <= MOST_DIGITS else NULL
    if p[0] == c".":
        digits = p + 1
        p = skip_digits(digits, end)
        if p == digits:
            return NULL
    if p < end and (p[0] == c"e" or p[0] == c"E"):
        p += 1
        p += p < end and (p[0] == c"+" or p[0] == c"-")
        digits = p
        p = skip_digits(digits, end)
        if not 0 < p - digits <= 2:
            return NULL
    return p if p - start <= MOST_SIZE else NULL


cdef inline const char* skip_word(const char* p, const char* end, const char* word, Py_ssize_t size) noexcept:
    return p + size if end - p >= size and memcmp(p, word, size) == 0 else NULL


def outer_lines_hold(Block block not None, Py_ssize_t count, bytes text not None):
    """Return whether one of the first lines of a block, or one of as many last ones, holds a text, which is not empty."""
    cdef Py_ssize_t n
    if block.width or not text:
        raise ValueError("its records are no lines, or there is no text")
    for n in range(block.count):
        if (n < count or n >= block.count - count) and holds(block, block.spans + n, text):
            return True
    return False


def cells_beside(Block block not None, int cell, bytes text not None, list places not None):
    """Return which of some cells of a column (CSV) are neither empty nor objects without a text.

    Args:
        block: The records.
        cell: The column.
        text: Without quotes; if it is empty, all filled cells are returned.
        places: Those of the records, in order.

    Returns:
        The place and the text of each.
    """
    cdef const char* base = PyBytes_AS_STRING(block.data)
    cdef Span* span
    cdef Py_ssize_t n
    cdef list found = []
    if not 0 <= cell < block.width:
        raise IndexError(cell)
    for n in places:
        if not 0 <= n < block.count:
            raise IndexError(n)
        span = block.spans + n * block.width + cell
        if span.size and (not text or base[span.start] != c"{" or holds(block, span, text)):
            found.append((n, block.text(span)))
    return found


cdef bint holds(Block block, Span* span, bytes text) noexcept:
    """Return whether a line, or a cell, holds a text. Its last byte is looked for: the one that is the least frequent."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
    cdef const char* wanted = PyBytes_AS_STRING(text)
    cdef const char* p = PyBytes_AS_STRING(block.data) + span.start
    cdef const char* end = p + span.size
    p += size - 1
    while p < end:
        p = <const char*> memchr(p, wanted[size - 1], end - p)
        if p == NULL:
            return False
        if memcmp(p + 1 - size, wanted, size) == 0:
            return True
        p += 1
    return False


def has_outer_cell(Block block not None, int cell, Py_ssize_t count):
    """Return whether a cell of a column is filled in the first records of a block, or in as many last ones."""
    cdef Py_ssize_t n
    if not 0 <= cell < block.width:
        raise IndexError(cell)
    for n in range(block.count):
        if (n < count or n >= block.count - count) and block.spans[n * block.width + cell].size:
            return True
    return False


cdef Block part_of(Block part, Block block, Py_ssize_t start, Py_ssize_t stop):
    """Fill an empty block with some records of another one and the rejections ahead of each, and return it.

    Rejections behind the last record of the other block go with that.
    """
    cdef Py_ssize_t count = stop - start, width = max(block.width, 1)
    part.data, part.row, part.width, part.quote = block.data, block.row + start, block.width, block.quote
    part._read = block._read
    part.spans = <Span*> PyMem_Malloc((count * width + 1) * sizeof(Span))
    part.lines = <int64_t*> PyMem_Malloc((count + 1) * sizeof(int64_t))
    if part.spans == NULL or part.lines == NULL:
        raise MemoryError
    memcpy(part.spans, block.spans + start * width, count * width * sizeof(Span))
    memcpy(part.lines, block.lines + start, count * sizeof(int64_t))
    part.count = part._capacity = count
    if block.rejected:
        first = block.row if start == 0 else block.row_of(start - 1) + 1
        end = block.row + len(block) if stop == block.count else block.row_of(stop - 1) + 1
        part.row = first
        part.rejected = [each for each in block.rejected if first <= each.row < end]
    return part
