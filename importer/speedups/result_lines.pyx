# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Lines of results files: written from blocks of events, and read back, without an object for each.

What a line looks like is not known here. The pieces of a line, and what becomes of a character, come from
`importer.results`; so do the functions that are asked for whatever is not plain: for a text, or for a whole line.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8, Py_UNICODE_ISPRINTABLE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp, memset

from importer.speedups.canonical cimport Buffer, put_integer
from importer.speedups.event_block cimport EventBlock, Item, Text

cdef enum:
    MOST_PIECES = 12
    MOST_KEPT = 1000  # texts that are remembered, of each kind
    LONGEST_KEPT = 1000  # bytes of such a text
    LARGEST_KEPT = 1 << 24  # bytes of space that is kept for the next lines
    NUMBERS = 90  # bytes of the numbers of a line, at most

cdef enum:  # what a character of ASCII is
    INSIDE = 1  # it stays as it is, behind another
    FIRST = 2  # it stays as it is, at the beginning of a text


cdef struct Piece:
    const char* text
    Py_ssize_t size


cdef class Pieces:
    """What stands before each value of a line, and behind the last one."""

    cdef Piece[MOST_PIECES] each
    cdef Py_ssize_t count, size  # and the bytes of all of them
    cdef tuple owned

    def __cinit__(self, pieces):
        cdef bytes piece
        self.owned = tuple(pieces)
        self.count, self.size = len(self.owned), 0
        if self.count > MOST_PIECES:
            raise ValueError("too many pieces")
        for n, piece in enumerate(self.owned):
            self.each[n].text, self.each[n].size = PyBytes_AS_STRING(piece), PyBytes_GET_SIZE(piece)
            self.size += PyBytes_GET_SIZE(piece)


# ── writing ──────────────────────────────────────────────────────────────────────────────────────


cdef class Ending:
    """What the lines of one verdict have in common."""

    cdef object status
    cdef bytes middle
    cdef bytes error  # None if the line is written as a whole
    cdef Py_ssize_t count  # of the lines that are being written

    def __cinit__(self, status, middle, error):
        self.status, self.middle, self.error, self.count = status, middle, error, 0


cdef const uint8_t* after_printable(const uint8_t* p, const uint8_t* end) noexcept:
    """Return where a character beyond ASCII ends; NULL if it does not print."""
    cdef uint32_t code
    cdef int more, n
    if p[0] < 0xE0:
        code, more = p[0] & 0x1F, 1
    elif p[0] < 0xF0:
        code, more = p[0] & 0x0F, 2
    else:
        code, more = p[0] & 0x07, 3
    if end - p <= more:
        return NULL
    for n in range(1, more + 1):
        code = code << 6 | (p[n] & 0x3F)
    return p + more + 1 if Py_UNICODE_ISPRINTABLE(<Py_UCS4> code) else NULL


cdef class ResultLineWriter:
    """Writes the lines of a results file.

    Args:
        pieces: What stands before each of these values, and behind the last one: row, line, what `middle` returns,
            event, distinct_id, insert_id, error, note, time if there is a tenth piece, and the item if there is an
            eleventh one.
        no_time: What stands for the time of a rejection.
        plain: What each character of ASCII is: `INSIDE` and `FIRST`.
        invalid: The status of a rejection.
        skipped: That of one that is skipped.
        middle: Returns what stands for a status and an HTTP status.
        text: Returns what stands for a text; None if the line must be written as a whole. A character that is beyond
            ASCII and prints stays as it is.
        error: As ``text``, for an error.
        most_error: Characters that an error may have, at least.
        line: Returns the line of an item and its verdict, or None for a rejection.
    """

    cdef Pieces pieces
    cdef Buffer out
    cdef uint8_t[128] plain
    cdef bint has_time, has_item
    cdef bytes no_time
    cdef Ending invalid, skipped
    cdef object middle, text, error, line
    cdef Py_ssize_t most_error
    cdef dict texts, errors, endings

    def __cinit__(self, *, pieces, no_time, plain, invalid, skipped, middle, text, error, most_error, line):
        cdef bytes table = plain
        if len(table) != 128:
            raise ValueError("expected 128 characters")
        self.pieces, self.out = Pieces(pieces), Buffer()
        self.has_time, self.has_item, self.no_time = self.pieces.count > 9, self.pieces.count > 10, no_time
        if not 9 <= self.pieces.count <= 11:
            raise ValueError("expected 9 to 11 pieces")
        for n in range(128):
            self.plain[n] = table[n]
        self.middle, self.text, self.error, self.most_error, self.line = middle, text, error, most_error, line
        self.texts, self.errors, self.endings = {}, {}, {}
        self.invalid = Ending(invalid, middle(invalid, None).encode(), b"")
        self.skipped = Ending(skipped, middle(skipped, None).encode(), b"")

    def write(self, parts, verdicts):
        """Return the lines of some items.

        Args:
            parts: Tuples of an `EventBlock`, and where its items begin and end.
            verdicts: One for each of the events among them, in order.

        Returns:
            The lines; row and item of the last of them, or zeros; how many lines have each status; how many have a
            note.
        """
        cdef EventBlock block
        cdef Ending ending = None
        cdef Item* item
        cdef Py_ssize_t start, stop, n, given = 0, notes = 0, count = len(verdicts)
        cdef int64_t last_row = 0
        cdef int32_t last_item = 0
        cdef object verdict, last = None
        cdef list used = []
        if len(self.endings) >= MOST_KEPT:
            self.endings.clear()
        self.out.at = self.out.base
        try:
            for block, start, stop in parts:
                if not 0 <= start <= stop <= block.count:
                    raise IndexError(start, stop)
                for n in range(start, stop):
                    item = &block.items[n]
                    verdict = None
                    if not item.is_event:
                        last, ending = None, self.skipped if item.is_skipped else self.invalid
                    elif given == count:
                        raise ValueError("too few verdicts")
                    else:
                        verdict = verdicts[given]
                        given += 1
                        if verdict is not last:
                            last, ending = verdict, self.ending_of(verdict)
                    if not ending.count:
                        used.append(ending)
                    ending.count += 1
                    notes += item.note.size > 0
                    self.put_line(block, n, ending, verdict)
                    last_row, last_item = item.row, item.number
            if given != count:
                raise ValueError("too many verdicts")
            tally = {}
            for ending in used:
                tally[ending.status] = tally.get(ending.status, 0) + ending.count
        finally:
            for ending in used:
                ending.count = 0
        data = PyBytes_FromStringAndSize(self.out.base, self.out.used())
        if self.out.size > LARGEST_KEPT:
            self.out = Buffer()
        return data, (last_row, last_item), tally, notes

    cdef Ending ending_of(self, verdict):
        cdef PyObject* found = PyDict_GetItem(self.endings, verdict)
        if found != NULL:
            return <Ending> found
        status, code, error = verdict
        text = self.error(error)
        made = Ending(status, self.middle(status, code).encode(), None if text is None else text.encode())
        self.endings[verdict] = made
        return made

    cdef int put_line(self, EventBlock block, Py_ssize_t n, Ending ending, verdict) except -1:
        """Write the line of an item at the end of `out`."""
        cdef Item* item = &block.items[n]
        cdef const char* texts = block.texts.base
        cdef const Piece* piece = self.pieces.each
        cdef Buffer out = self.out
        cdef Py_ssize_t start = out.used()
        cdef bytes whole
        cdef Py_ssize_t space = (
            self.pieces.size + NUMBERS + PyBytes_GET_SIZE(ending.middle) + len(self.no_time)
            + item.name.size + item.user.size + item.insert_id.size + item.note.size + item.error.size
        )  # fmt: skip
        if ending.error is not None:
            space += PyBytes_GET_SIZE(ending.error)
            out.reserve(space)
            out.put(piece[0].text, piece[0].size)
            put_integer(out, item.row)
            out.put(piece[1].text, piece[1].size)
            put_integer(out, item.line)
            out.put(piece[2].text, piece[2].size)
            out.put(PyBytes_AS_STRING(ending.middle), PyBytes_GET_SIZE(ending.middle))
            if (
                self.put(&piece[3], texts, &item.name, space) and self.put(&piece[4], texts, &item.user, space)
                and self.put(&piece[5], texts, &item.insert_id, space)
                and self.put_error(&piece[6], texts, item, ending, space)
                and self.put(&piece[7], texts, &item.note, space)
            ):  # fmt: skip
                self.put_numbers(item)
                out.put(piece[self.pieces.count - 1].text, piece[self.pieces.count - 1].size)
                return 0
        whole = self.line(block.item(n), verdict)
        if whole is None:
            raise TypeError("expected bytes")
        out.at = out.base + start
        out.reserve(PyBytes_GET_SIZE(whole))
        out.put(PyBytes_AS_STRING(whole), PyBytes_GET_SIZE(whole))
        return 0

    cdef inline void put_numbers(self, Item* item) noexcept:
        """Write the time and the item, as far as the line has them."""
        if not self.has_time:
            return
        self.out.put(self.pieces.each[8].text, self.pieces.each[8].size)
        if item.is_event:
            put_integer(self.out, item.time)
        else:
            self.out.put(PyBytes_AS_STRING(self.no_time), PyBytes_GET_SIZE(self.no_time))
        if self.has_item:
            self.out.put(self.pieces.each[9].text, self.pieces.each[9].size)
            put_integer(self.out, item.number)

    cdef inline bint is_plain(self, const char* text, Py_ssize_t size) noexcept:
        """Return whether a text stays as it is; False if that is not sure."""
        cdef const uint8_t* p = <const uint8_t*> text
        cdef const uint8_t* end = p + size
        if size and p[0] < 0x80 and not self.plain[p[0]] & FIRST:
            return False
        while p < end:
            if p[0] < 0x80:
                if not self.plain[p[0]] & INSIDE:
                    return False
                p += 1
            else:
                p = after_printable(p, end)
                if p == NULL:
                    return False
        return True

    cdef inline int put(self, const Piece* before, const char* texts, Text* place, Py_ssize_t space) except -1:
        """Write a piece and a text behind it; return False if the line must be written as a whole."""
        self.out.put(before.text, before.size)
        if not place.size:
            return True
        if self.is_plain(texts + place.start, place.size):
            self.out.put(texts + place.start, place.size)
            return True
        return self.put_asked(self.texts, self.text, texts + place.start, place.size, space)

    cdef int put_error(
        self, const Piece* before, const char* texts, Item* item, Ending ending, Py_ssize_t space
    ) except -1:
        cdef const char* text = texts + item.error.start
        self.out.put(before.text, before.size)
        if item.is_event:
            self.out.put(PyBytes_AS_STRING(ending.error), PyBytes_GET_SIZE(ending.error))
            return True
        if not item.error.size:
            return True
        if item.error.size <= self.most_error and self.is_plain(text, item.error.size):
            self.out.put(text, item.error.size)
            return True
        return self.put_asked(self.errors, self.error, text, item.error.size, space)

    cdef int put_asked(self, dict known, rule, const char* text, Py_ssize_t size, Py_ssize_t space) except -1:
        """Write what a rule makes of a text, and leave so much space behind it; return as `put`."""
        cdef bytes key = PyBytes_FromStringAndSize(text, size)
        cdef PyObject* found = PyDict_GetItem(known, key)
        cdef bytes written
        if found != NULL:
            written = <bytes> found if <object> found is not None else None
        else:
            made = rule(PyUnicode_DecodeUTF8(text, size, "surrogatepass"))
            written = None if made is None else made.encode()
            if size <= LONGEST_KEPT:
                if len(known) >= MOST_KEPT:
                    known.clear()
                known[key] = written
        if written is None:
            return False
        self.out.reserve(PyBytes_GET_SIZE(written) + space)
        self.out.put(PyBytes_AS_STRING(written), PyBytes_GET_SIZE(written))
        return True


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


cdef struct Cell:  # a place in a line
    int32_t start
    int32_t size


cdef struct Line:  # a line that was read
    int64_t row
    int64_t item
    int status  # its place in `ResultLineReader.statuses`
    Cell[2] texts


cdef struct Place:  # a line of `ResultLines`
    Py_ssize_t start
    int32_t size
    Cell[2] texts


cdef const char* end_of_digits(const char* p, const char* end, Py_ssize_t most, int64_t* number) noexcept:
    """Read an integer; return where it ends, or NULL if it has no digits or more than ``most``."""
    cdef const char* start = p
    number[0] = 0
    while p < end and c"0" <= p[0] <= c"9":
        if p - start == most:
            return NULL
        number[0] = number[0] * 10 + (p[0] - c"0")
        p += 1
    return p if p > start else NULL


cdef class ResultLineReader:
    """Reads lines of a results file.

    Args:
        pieces: As for `ResultLineWriter`; one more if there is an eleventh value, the item.
        is_csv: Whether texts are cells of CSV, or strings of JSON.
        code: What stands between the status and the HTTP status.
        no_code: What stands for no HTTP status.
        no_time: As for `ResultLineWriter`.
        statuses: What stands for each status, and the status.
        most_digits: Digits of a number, at most.
        item_bits: Bits of the item in the place of a line, which are the lowest; above them is its row.
        parse: Returns row, status and item of a line; None if it is not well-formed. It is asked for each line that
            is not surely so.
        read: Returns one of the two texts of a well-formed line that `ResultLines` knows.
    """

    cdef Pieces pieces
    cdef Piece[MOST_PIECES] names  # of the statuses
    cdef tuple owned, statuses
    cdef dict ordinals
    cdef bint is_csv
    cdef bytes code, no_code, no_time
    cdef Py_ssize_t most_digits
    cdef object parse, read_text
    cdef int last_status, item_bits

    def __cinit__(self, *, pieces, is_csv, code, no_code, no_time, statuses, most_digits, item_bits, parse, read):
        cdef bytes name
        self.pieces, self.is_csv, self.code, self.no_code, self.no_time = Pieces(pieces), is_csv, code, no_code, no_time
        self.owned, self.statuses = tuple(zip(*statuses))
        if not 9 <= self.pieces.count <= 11 or len(self.owned) > MOST_PIECES:
            raise ValueError("too many or too few pieces or statuses")
        for n, name in enumerate(self.owned):
            self.names[n].text, self.names[n].size = PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)
        self.ordinals = {status: n for n, status in enumerate(self.statuses)}
        if not 0 < most_digits <= 18:
            raise ValueError("digits of 64 bits at most")
        if not 0 < item_bits < 62:
            raise ValueError("row and item are both in 63 bits")
        self.most_digits, self.item_bits, self.last_status = most_digits, item_bits, 0
        self.parse, self.read_text = parse, read

    def check(self, bytes data, int64_t row, int64_t item):
        """Check lines, up to the first that is not well-formed or out of order.

        Args:
            data: Lines.
            row: The row of the line before them; 0 if there is none.
            item: Its item.

        Returns:
            How many lines are well-formed and in order; their bytes; row and item of the last; lines by status.
        """
        cdef const char* p = PyBytes_AS_STRING(data)
        cdef const char* end = p + PyBytes_GET_SIZE(data)
        cdef const char* start = p
        cdef const char* line_end
        cdef Line line
        cdef Py_ssize_t lines = 0
        cdef Py_ssize_t[MOST_PIECES] tally
        cdef int n
        for n in range(MOST_PIECES):
            tally[n] = 0
        while p < end:
            line_end = <const char*> memchr(p, c"\n", end - p)
            if line_end == NULL or not self.read_line(p, line_end, &line):
                break
            if line.row < row or (line.row == row and line.item <= item):
                break
            row, item = line.row, line.item
            tally[line.status] += 1
            lines += 1
            p = line_end + 1
        found = {status: tally[n] for n, status in enumerate(self.statuses) if tally[n]}
        return lines, p - start, row, item, found

    def read(self, bytes data):
        """Return well-formed lines as `ResultLines`; None if one of them is not well-formed."""
        cdef const char* base = PyBytes_AS_STRING(data)
        cdef const char* p = base
        cdef const char* end = p + PyBytes_GET_SIZE(data)
        cdef const char* line_end
        cdef Line line
        cdef ResultLines found = ResultLines(self, data)
        while p < end:
            line_end = <const char*> memchr(p, c"\n", end - p)
            if line_end == NULL or not self.read_line(p, line_end, &line):
                return None
            found.add(p - base, line_end + 1 - p, &line)
            p = line_end + 1
        return found

    cdef int read_line(self, const char* p, const char* end, Line* line) except -1:
        """Read a line, which has a newline at ``end``; return False if it is not well-formed."""
        cdef bytes whole
        if end - p < 0x7FFFFFFF:
            if self.read_plain(p, end, line):
                return not (line.row >> 63 - self.item_bits or line.item >> self.item_bits)
        whole = PyBytes_FromStringAndSize(p, end + 1 - p)
        parsed = self.parse(whole)
        if parsed is None:
            return False
        row, status, item = parsed
        line.row, line.item, line.status = row, item, self.ordinals[status]
        line.texts[0].size = line.texts[1].size = -1  # not known
        return True

    cdef bint read_plain(self, const char* p, const char* end, Line* line) noexcept:
        """Read a line if it is surely well-formed."""
        cdef const char* start = p
        cdef int64_t number
        if not self.skip(&p, end, &self.pieces.each[0]):
            return False
        p = self.end_of_number(p, end, &line.row)
        if p == NULL or not self.skip(&p, end, &self.pieces.each[1]):
            return False
        p = self.end_of_number(p, end, &number)
        if p == NULL or not self.skip(&p, end, &self.pieces.each[2]) or not self.skip_status(&p, end, line):
            return False
        line.item = 0
        return self.end_csv(start, p, end, line) if self.is_csv else self.end_json(start, p, end, line)

    cdef const char* end_of_number(self, const char* p, const char* end, int64_t* number) noexcept:
        """Return where an integer ends; NULL if it is none for sure."""
        if not self.is_csv and p[0] == c"0":  # JSON has no leading zeros
            return NULL
        return end_of_digits(p, end, self.most_digits, number)

    cdef inline bint skip(self, const char** p, const char* end, const Piece* piece) noexcept:
        if end - p[0] < piece.size or memcmp(p[0], piece.text, piece.size):
            return False
        p[0] += piece.size
        return True

    cdef inline bint skip_status(self, const char** p, const char* end, Line* line) noexcept:
        cdef int n
        if self.skip(p, end, &self.names[self.last_status]):
            line.status = self.last_status
            return True
        for n in range(len(self.owned)):
            if self.skip(p, end, &self.names[n]):
                line.status = self.last_status = n
                return True
        return False

    cdef bint end_csv(self, const char* start, const char* p, const char* end, Line* line) noexcept:
        """Read cells from the one of the HTTP status on; ``p`` is at the comma before it."""
        cdef int32_t[MOST_PIECES] commas  # where they are in the line
        cdef int count = 0, kind, all_of_them = self.pieces.count - 3
        cdef bint is_quoted = False
        cdef const char* high = NULL  # the first byte beyond ASCII
        memset(commas, 0, sizeof(commas))
        if p[0] != c",":
            return False
        while p < end:
            kind = KIND[<uint8_t> p[0]]
            if kind == COMMA and not is_quoted:
                if count == all_of_them:
                    return False
                commas[count] = p - start
                count += 1
            elif kind == QUOTE:
                is_quoted = not is_quoted
            elif kind == HIGH and high == NULL:
                high = p
            p += 1
        if count < all_of_them or is_quoted or (high != NULL and not is_utf8(high, end)):
            return False
        line.texts[0].start, line.texts[0].size = commas[3] + 1, commas[4] - commas[3] - 1
        line.texts[1].start, line.texts[1].size = commas[4] + 1, commas[5] - commas[4] - 1
        if count >= 7 and not self.is_time(start + commas[6] + 1, start + commas[7] if count == 8 else end):
            return False
        return count < 8 or end_of_digits(start + commas[7] + 1, end, self.most_digits, &line.item) == end

    cdef bint is_time(self, const char* p, const char* end) noexcept:
        cdef int64_t number
        if p == end:
            return True
        p += p[0] == c"-"
        return end_of_digits(p, end, self.most_digits, &number) == end

    cdef bint end_json(self, const char* start, const char* p, const char* end, Line* line) noexcept:
        """Read members from the HTTP status on; ``p`` is behind the status."""
        cdef Piece code = Piece(PyBytes_AS_STRING(self.code), PyBytes_GET_SIZE(self.code))
        cdef Piece no_code = Piece(PyBytes_AS_STRING(self.no_code), PyBytes_GET_SIZE(self.no_code))
        cdef Piece no_time = Piece(PyBytes_AS_STRING(self.no_time), PyBytes_GET_SIZE(self.no_time))
        cdef int64_t number
        cdef int n
        cdef bint is_ascii = True
        cdef const char* text
        if not self.skip(&p, end, &code):
            return False
        if not self.skip(&p, end, &no_code):
            p = self.end_of_number(p, end, &number)
            if p == NULL:
                return False
        for n in range(3, 8):
            if not self.skip(&p, end, &self.pieces.each[n]):
                return False
            text = p
            p = end_of_string(p, end, &is_ascii)
            if n == 5 or n == 6:
                line.texts[n - 5].start, line.texts[n - 5].size = text - start, p - text
        end += 1  # the last piece ends with the newline
        if self.pieces.count > 9:
            if not self.skip(&p, end, &self.pieces.each[8]):
                return False
            if not self.skip(&p, end, &no_time):
                p = self.end_of_number(p + (p[0] == c"-"), end, &number)
                if p == NULL:
                    return False
        if self.pieces.count > 10:
            if not self.skip(&p, end, &self.pieces.each[9]):
                return False
            p = self.end_of_number(p, end, &line.item)
            if p == NULL:
                return False
        return self.skip(&p, end, &self.pieces.each[self.pieces.count - 1]) and p == end and (
            is_ascii or is_utf8(start, end)
        )


cdef enum:  # what a byte of CSV is
    PLAIN
    COMMA
    QUOTE
    HIGH

cdef uint8_t[256] KIND
cdef int _byte
for _byte in range(256):
    KIND[_byte] = PLAIN if _byte < 0x80 else HIGH
KIND[c","], KIND[c"\""] = COMMA, QUOTE


cdef const char* end_of_string(const char* p, const char* end, bint* is_ascii) noexcept:
    """Return where the closing quote of a string of JSON is; an earlier place if it is not surely a string."""
    while p < end and p[0] != c'"':
        if <uint8_t> p[0] < 0x20:
            return p
        if p[0] == c"\\":
            p += 1
            if p == end or memchr(b'"\\/bfnrt', p[0], 8) == NULL:
                return p - 1
        elif <uint8_t> p[0] >= 0x80:
            is_ascii[0] = False
        p += 1
    return p


cdef bint is_utf8(const char* text, const char* text_end) noexcept:
    """Return whether some bytes are UTF-8 (Unicode 15, table 3-7)."""
    cdef const uint8_t* p = <const uint8_t*> text
    cdef const uint8_t* end = <const uint8_t*> text_end
    cdef int more, n, least, most
    while p < end:
        if p[0] < 0x80:
            p += 1
            continue
        least, most = 0x80, 0xBF
        if 0xC2 <= p[0] <= 0xDF:
            more = 1
        elif 0xE0 <= p[0] <= 0xEF:
            more = 2
            least = 0xA0 if p[0] == 0xE0 else 0x80
            most = 0x9F if p[0] == 0xED else 0xBF
        elif 0xF0 <= p[0] <= 0xF4:
            more = 3
            least = 0x90 if p[0] == 0xF0 else 0x80
            most = 0x8F if p[0] == 0xF4 else 0xBF
        else:
            return False
        if end - p <= more or not least <= p[1] <= most:
            return False
        for n in range(2, more + 1):
            if p[n] & 0xC0 != 0x80:
                return False
        p += more + 1
    return True


cdef class ResultLines:
    """Well-formed lines, as columns.

    Args:
        reader: Reads them.
        data: Their bytes.
    """

    cdef ResultLineReader reader
    cdef bytes data
    cdef Buffer numbers, ordinals, lines

    def __cinit__(self, ResultLineReader reader, bytes data):
        self.reader, self.data = reader, data
        self.numbers, self.ordinals, self.lines = Buffer(), Buffer(), Buffer()

    cdef int add(self, Py_ssize_t start, Py_ssize_t size, const Line* line) except -1:
        cdef Place place
        cdef int64_t number
        cdef uint8_t status = line.status
        place.start, place.size = start, <int32_t> size
        place.texts[0], place.texts[1] = line.texts[0], line.texts[1]
        if size > 0x7FFFFFFF:
            raise OverflowError("too long a line")
        number = line.row << self.reader.item_bits | line.item
        self.numbers.reserve(sizeof(int64_t))
        self.numbers.put(<const char*> &number, sizeof(int64_t))
        self.ordinals.reserve(1)
        self.ordinals.put(<const char*> &status, 1)
        self.lines.reserve(sizeof(Place))
        self.lines.put(<const char*> &place, sizeof(Place))
        return 0

    def __len__(self):
        return self.ordinals.used()

    @property
    def places(self):
        """The place of each line, as 64-bit integers: row and item."""
        return PyBytes_FromStringAndSize(self.numbers.base, self.numbers.used())

    @property
    def statuses(self):
        """The place of the status of each line among the reader's, as bytes."""
        return PyBytes_FromStringAndSize(self.ordinals.base, self.ordinals.used())

    def texts(self, int column, bytes chosen):
        """Return the insert_id (0) or the error (1) of some of the lines.

        Args:
            column: Which of the two.
            chosen: A byte for each line; those of others are 0.
        """
        cdef const Place* places = <const Place*> self.lines.base
        cdef const char* data = PyBytes_AS_STRING(self.data)
        cdef const char* cell
        cdef const Cell* place
        cdef Py_ssize_t n
        cdef list found = []
        if not 0 <= column <= 1 or len(chosen) != self.ordinals.used():
            raise ValueError("no such column, or not a byte for each line")
        for n in range(self.ordinals.used()):
            if not chosen[n]:
                continue
            place = &places[n].texts[column]
            cell = data + places[n].start + place.start
            if self.is_plain(cell, place.size):
                found.append(PyUnicode_DecodeUTF8(cell, place.size, NULL))
            else:
                whole = PyBytes_FromStringAndSize(data + places[n].start, places[n].size)
                found.append(self.reader.read_text(whole, column))
        return found

    cdef inline bint is_plain(self, const char* cell, Py_ssize_t size) noexcept:
        """Return whether a text surely stands for itself."""
        if size <= 0:
            return size == 0
        if self.reader.is_csv:
            return cell[0] != c'"' and cell[0] != c"'"
        return memchr(cell, c"\\", size) == NULL
