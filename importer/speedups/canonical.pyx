# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""JSON in canonical form: as orjson writes what `importer.events.canonical` returns, with sorted keys.

The input is valid UTF-8. A function that reads returns NULL for what is no JSON, and for what it can't surely
write as orjson would: the record is deferred to the slow path.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.string cimport memchr, memcmp, strlen

cdef extern from "Python.h":
    double PyOS_string_to_double(const char* text, char** end, PyObject* overflow) except? -1.0
    char* PyOS_double_to_string(double number, char form, int precision, int flags, int* kind)

cdef enum:
    MOST_NUMBER = 40  # bytes of a number that is read here, but for integers
    LARGEST_EXPONENT = 290  # up to which, and down to whose negative, a double holds every decimal of `DIGITS`
    LEAST_POSITIONAL = -4  # the exponent of a decimal below 0.0001 is this or less

cdef uint64_t SAFE_INTEGER = <uint64_t> 1 << 53
cdef uint64_t LEAST_INTEGER = <uint64_t> 1 << 63
cdef uint64_t MOST_INTEGER = 0xFFFFFFFFFFFFFFFF
cdef double LEAST_SIGNED = -9223372036854775808.0
cdef double ABOVE_UNSIGNED = 18446744073709551616.0

cdef enum:  # what a byte is within a string of JSON
    PLAIN
    QUOTE
    BACKSLASH
    CONTROL

cdef uint8_t[256] KIND
cdef uint8_t[256] SHORT  # the letter that stands for a control character
cdef char[256] CONTROL_OF  # the control character for which a letter stands
cdef const char* HEX = "0123456789abcdef"
cdef char[200] PAIRS  # two digits of each number below a hundred

cdef int _byte
for _byte in range(100):
    PAIRS[2 * _byte], PAIRS[2 * _byte + 1] = c"0" + _byte // 10, c"0" + _byte % 10
for _byte in range(256):
    KIND[_byte] = CONTROL if _byte < 32 else PLAIN
    SHORT[_byte] = 0
KIND[c'"'] = QUOTE
KIND[c"\\"] = BACKSLASH
SHORT[c"\b"], SHORT[c"\t"], SHORT[c"\n"], SHORT[c"\f"], SHORT[c"\r"] = c"b", c"t", c"n", c"f", c"r"
CONTROL_OF[:] = [0] * 256
CONTROL_OF[c"b"], CONTROL_OF[c"t"], CONTROL_OF[c"n"] = c"\b", c"\t", c"\n"
CONTROL_OF[c"f"], CONTROL_OF[c"r"] = c"\f", c"\r"


cdef class Buffer:
    def __cinit__(self):
        self.base = self.at = NULL
        self.size = 0

    def __dealloc__(self):
        PyMem_Free(self.base)

    cdef int reserve(self, Py_ssize_t more) except -1:
        """Make space for so many bytes more; what was written may move."""
        cdef Py_ssize_t used = self.at - self.base
        cdef Py_ssize_t size = max(2 * used, used + more)
        cdef char* new
        if used + more <= self.size:
            return 0
        new = <char*> PyMem_Realloc(self.base, size)
        if new == NULL:
            raise MemoryError
        self.base, self.at, self.size = new, new + used, size
        return 0


# ── texts ────────────────────────────────────────────────────────────────────────────────────────


cdef bint is_longer(const char* text, Py_ssize_t size, Py_ssize_t most) noexcept:
    """Return whether a text has more characters than ``most``."""
    cdef Py_ssize_t n, count = 0
    if size <= most:
        return False
    for n in range(size):
        count += (text[n] & 0xC0) != 0x80  # of a character of several bytes, only the first is another
    return count > most


cdef bint is_longer_json(const char* text, Py_ssize_t size, Py_ssize_t most) noexcept:
    """Return whether a text, which stands as it was written between the quotes of JSON, has more characters."""
    cdef Py_ssize_t n = 0, count = 0
    if size <= most:
        return False
    while n < size:
        count += (text[n] & 0xC0) != 0x80
        if text[n] == c"\\":
            n += 5 if text[n + 1] == c"u" else 1
        n += 1
    return count > most


cdef inline void put_escaped(Buffer out, uint8_t c) noexcept:
    """Write a character of ASCII as it stands in a string of JSON: six bytes at most."""
    if KIND[c] == PLAIN:
        out.at[0] = c
        out.at += 1
        return
    out.at[0] = c"\\"
    if KIND[c] != CONTROL:
        out.at[1] = c
        out.at += 2
    elif SHORT[c]:
        out.at[1] = SHORT[c]
        out.at += 2
    else:
        out.at[1], out.at[2], out.at[3] = c"u", c"0", c"0"
        out.at[4], out.at[5] = HEX[c >> 4], HEX[c & 15]
        out.at += 6


cdef void put_text(Buffer out, const char* text, Py_ssize_t size, int quote) noexcept:
    """Write a text as a string of JSON.

    Args:
        out: Has space for six times the size of the text, and two bytes.
        text: UTF-8.
        size: Its bytes.
        quote: The quote that is doubled in it; -1 if none is.
    """
    out.put('"', 1)
    put_part_of_text(out, text, size, quote)
    out.put('"', 1)


cdef void put_part_of_text(Buffer out, const char* text, Py_ssize_t size, int quote) noexcept:
    """Write what stands between the quotes of a string of JSON; arguments as for `put_text`."""
    cdef const char* p = text
    cdef const char* end = text + size
    cdef const char* start
    while p < end:
        start = p
        while p < end and KIND[<uint8_t> p[0]] == PLAIN and p[0] != quote:
            p += 1
        out.put(start, p - start)
        if p < end:
            put_escaped(out, p[0])
            p += 2 if p[0] == quote else 1


cdef void put_unescaped(Buffer out, const char* text, Py_ssize_t size) noexcept:
    """Write the text that a string means, given as it was written here between its quotes: no longer than that."""
    cdef const char* p = text
    cdef const char* end = text + size
    cdef const char* start
    cdef char c
    while p < end:
        start = p
        while p < end and p[0] != c"\\":
            p += 1
        out.put(start, p - start)
        if p < end:
            c = p[1]
            p += 2
            if c == c"u":
                c = <char> hex_of(p)
                p += 4
            elif c != c'"' and c != c"\\":
                c = CONTROL_OF[<uint8_t> c]
            out.put(&c, 1)


cdef const char* end_of_written(const char* p) noexcept:
    """Return where a value ends that was written here, and behind which something stands."""
    cdef int deep = 0
    while True:
        if p[0] == c'"':
            p += 1
            while p[0] != c'"':
                p += 2 if p[0] == c"\\" else 1
        elif p[0] == c"{" or p[0] == c"[":
            deep += 1
        elif p[0] == c"}" or p[0] == c"]":
            deep -= 1
        elif not deep:
            while p[0] != c"," and p[0] != c"}" and p[0] != c"]":
                p += 1
            return p
        p += 1
        if not deep:
            return p


cdef int hex_of(const char* p) noexcept nogil:
    """Return what four hexadecimal digits mean; -1 if they are none."""
    cdef int n, value = 0
    for n in range(4):
        if c"0" <= p[n] <= c"9":
            value = value * 16 + p[n] - c"0"
        elif c"a" <= p[n] | 32 <= c"f":
            value = value * 16 + (p[n] | 32) - c"a" + 10
        else:
            return -1
    return value


cdef const char* put_unicode(Buffer out, const char* p, const char* end) noexcept:
    """Write the character that an escape means, behind its backslash and u (RFC 8259, section 7).

    Returns:
        Where it ends; NULL if it is none, or half of a pair.
    """
    cdef int code, low
    if end - p < 4:
        return NULL
    code = hex_of(p)
    p += 4
    if code < 0 or 0xDC00 <= code <= 0xDFFF:
        return NULL
    if code < 0x80:
        put_escaped(out, code)
    elif code < 0x800:
        out.at[0], out.at[1] = <char> (0xC0 | code >> 6), <char> (0x80 | (code & 0x3F))
        out.at += 2
    elif code < 0xD800 or code > 0xDFFF:
        out.at[0], out.at[1] = <char> (0xE0 | code >> 12), <char> (0x80 | (code >> 6 & 0x3F))
        out.at[2] = <char> (0x80 | (code & 0x3F))
        out.at += 3
    else:
        if end - p < 6 or p[0] != c"\\" or p[1] != c"u":
            return NULL
        low = hex_of(p + 2)
        if not 0xDC00 <= low <= 0xDFFF:
            return NULL
        code = 0x10000 + (code - 0xD800 << 10) + low - 0xDC00
        p += 6
        out.at[0], out.at[1] = <char> (0xF0 | code >> 18), <char> (0x80 | (code >> 12 & 0x3F))
        out.at[2], out.at[3] = <char> (0x80 | (code >> 6 & 0x3F)), <char> (0x80 | (code & 0x3F))
        out.at += 4
    return p


cdef const char* put_string(Buffer out, const char* p, const char* end, Limits* limits) noexcept:
    """Write a string of JSON, behind its first quote: no longer than it is.

    Returns:
        Where it ends, behind its last quote; NULL if it is none.
    """
    cdef const char* start
    cdef Py_ssize_t first
    cdef char c
    out.put('"', 1)
    first = out.used()
    while True:
        start = p
        while p < end and KIND[<uint8_t> p[0]] == PLAIN:
            p += 1
        out.put(start, p - start)
        if p == end:
            return NULL
        c = p[0]
        p += 1
        if c == c'"':
            if is_longer_json(out.base + first, out.used() - first, limits.text):
                limits.has_long = True
            out.put('"', 1)
            return p
        if c != c"\\" or p == end:
            return NULL
        c = p[0]
        p += 1
        if c == c'"' or c == c"\\" or c == c"/":
            put_escaped(out, c)
        elif c == c"n" or c == c"t" or c == c"r" or c == c"b" or c == c"f":
            out.put(p - 2, 2)
        elif c == c"u":
            p = put_unicode(out, p, end)
            if p == NULL:
                return NULL
        else:
            return NULL


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────


cdef void put_integer(Buffer out, int64_t number) noexcept:
    """Write an integer: twenty bytes at most."""
    put_digits(out, 0 - <uint64_t> number if number < 0 else <uint64_t> number, number < 0)


cdef inline void put_digits(Buffer out, uint64_t left, bint is_negative) noexcept:
    """Write an integer of that magnitude."""
    cdef char[21] digits
    cdef int n = 21
    while left >= 100:
        n -= 2
        memcpy(digits + n, PAIRS + 2 * (left % 100), 2)
        left //= 100
    n -= 1
    digits[n] = <char> (c"0" + left % 10)
    if left >= 10:
        n -= 1
        digits[n] = <char> (c"0" + left // 10)
    if is_negative:
        n -= 1
        digits[n] = c"-"
    out.put(digits + n, 21 - n)


cdef const char* put_number(Buffer out, const char* p, const char* end, Py_ssize_t most) noexcept:
    """Write a number of JSON, if it is an integer or a short decimal: no longer than it is.

    A decimal of so few digits is what the shortest text of its double says, but for zeros at its end.

    Args:
        out: Has space for the text of the number.
        p: Where it begins.
        end: Of the text.
        most: Digits that an integer may have.

    Returns:
        Where it ends; NULL to defer the record.
    """
    cdef const char* start = p
    cdef const char* whole = p + (p < end and p[0] == c"-")
    cdef const char* point
    cdef const char* last
    p = end_of_decimal(p, end, &point)
    if p == NULL or (p < end and (p[0] == c"e" or p[0] == c"E")):
        return NULL
    last = p
    if point < p:
        if p - start > DIGITS:
            return NULL
        while (last - 1)[0] == c"0":
            last -= 1
        if last == point + 1:
            last = point
    elif p - whole > most:
        return NULL
    if whole[0] == c"0":
        if last == point:
            if start != whole:
                return NULL  # a zero with a sign
        elif last - point > 4 and memcmp(point, ".0000", 5) == 0:
            return NULL  # so small that it may be written otherwise
    out.put(start, last - start)
    return p


cdef const char* end_of_number(const char* p, const char* end) noexcept:
    """Return where that ends which is made of the characters of numbers."""
    while p < end and (c"0" <= p[0] <= c"9" or memchr("+-.eE", p[0], 5) != NULL):
        p += 1
    return p


cdef const char* put_encoded_number(
    Buffer out, const char* p, const char* end, PyObject* encode_number
) except? NULL:
    """Write a number as ``encode_number`` says; return where it ends; NULL to defer the record."""
    cdef const char* start = p
    p = end_of_number(p, end)
    cdef bytes found = (<object> encode_number)(PyBytes_FromStringAndSize(start, p - start))
    if found is None:
        return NULL
    out.reserve(PyBytes_GET_SIZE(found) + (end - p))  # it may be longer than it was
    out.put(PyBytes_AS_STRING(found), PyBytes_GET_SIZE(found))
    return p


# A number in digits: 0.digits * 10 ** exponent, without zeros at either end. A zero has no digit.
cdef struct Decimal:
    bint is_negative
    Py_ssize_t count
    int exponent
    char[MOST_NUMBER] digits


cdef const char* read_decimal(const char* p, const char* end, Decimal* found) noexcept:
    """Read a number of JSON; return where it ends; NULL if it is none, or one of more digits than are read here."""
    cdef const char* point
    cdef const char* last = end_of_decimal(p, end, &point)
    cdef const char* start
    cdef bint is_below
    cdef int exponent = 0
    if last == NULL or last - p > MOST_NUMBER:
        return NULL
    start = p
    found.is_negative, found.count, found.exponent = p[0] == c"-", 0, 0
    p += found.is_negative
    while p < last:
        if p[0] != c"." and (found.count or p[0] != c"0"):
            found.digits[found.count] = p[0]
            found.count += 1
        if p < point:
            found.exponent += found.count > 0
        elif p > point:
            found.exponent -= found.count == 0
        p += 1
    while found.count and found.digits[found.count - 1] == c"0":
        found.count -= 1
    if p == end or (p[0] != c"e" and p[0] != c"E"):
        return p
    p += 1
    is_below = p < end and p[0] == c"-"
    p += p < end and (p[0] == c"-" or p[0] == c"+")
    last = p
    while p < end and p - last < 4 and c"0" <= p[0] <= c"9":
        exponent = 10 * exponent + (p[0] - c"0")
        p += 1
    found.exponent += -exponent if is_below else exponent
    return p if 0 < p - last < 4 and p - start <= MOST_NUMBER else NULL


cdef double double_of(const char* text, Py_ssize_t size) except? -1.0:
    """Return the double that is nearest to a number of JSON of at most `MOST_NUMBER` bytes."""
    cdef char[MOST_NUMBER + 1] copy
    memcpy(copy, text, size)
    copy[size] = 0
    return PyOS_string_to_double(copy, NULL, NULL)


cdef bint is_kept(double number, const Decimal* written) except -1:
    """Return whether Python's shortest text of a double says what was written."""
    cdef Decimal shortest
    cdef char* text = PyOS_double_to_string(number, c"r", 0, 0, NULL)
    if text == NULL:
        raise MemoryError
    cdef bint is_read = read_decimal(text, text + strlen(text), &shortest) != NULL
    PyMem_Free(text)
    return is_read and shortest.exponent == written.exponent and shortest.count == written.count and (
        memcmp(shortest.digits, written.digits, written.count) == 0
    )


cdef const char* put_any_number(
    Buffer out, const char* p, const char* end, uint64_t least, uint64_t most
) except? NULL:
    """Write a number of JSON of any form.

    Args:
        out: Has space for all that is left of the text; it has it afterwards.
        p: Where the number begins.
        end: Of the text.
        least: The magnitude of the least integer; that is a number without point and exponent.
        most: The largest one.

    Returns:
        Where it ends; NULL to defer the record: no number, or one that may not be kept exactly.
    """
    cdef const char* point
    cdef const char* stop = end_of_decimal(p, end, &point)
    cdef bint is_negative = p < end and p[0] == c"-"
    cdef const char* digit = p + is_negative
    cdef uint64_t number = 0
    if stop == NULL or point < stop or (stop < end and (stop[0] == c"e" or stop[0] == c"E")):
        return put_decimal(out, p, end)
    while digit < stop:
        if number > (MOST_INTEGER - (digit[0] - c"0")) // 10:
            return NULL
        number = 10 * number + (digit[0] - c"0")
        digit += 1
    if number > (least if is_negative else most):
        return NULL
    put_digits(out, number, is_negative and number)
    return stop


cdef const char* put_decimal(Buffer out, const char* p, const char* end) except? NULL:
    """Write a number of JSON that has a point or an exponent, whatever double it is.

    Returns:
        Where it ends; NULL to defer the record: the double is not what was written, or it is not sure.
    """
    cdef Decimal written
    cdef double number
    cdef const char* stop = read_decimal(p, end, &written)
    if stop == NULL:
        return NULL
    out.reserve(MOST_NUMBER + (end - stop))  # it may be longer than it was
    if not written.count:
        out.put("0", 1)
        return stop
    if written.count > DIGITS or not -LARGEST_EXPONENT < written.exponent < LARGEST_EXPONENT:
        if not is_kept(double_of(p, stop - p), &written):
            return NULL
    if written.exponent > DIGITS and written.exponent >= written.count:
        number = double_of(p, stop - p)
        if LEAST_SIGNED <= number < ABOVE_UNSIGNED:
            put_digits(out, <uint64_t> abs(number), number < 0)
        else:
            put_scientific(out, &written)
    elif written.exponent > LEAST_POSITIONAL:
        put_positional(out, &written)
    else:
        put_scientific(out, &written)
    return stop


cdef void put_positional(Buffer out, const Decimal* number) noexcept:
    """Write a number without an exponent."""
    cdef Py_ssize_t n
    if number.is_negative:
        out.put("-", 1)
    if number.exponent <= 0:
        out.put("0.", 2)
        out.put("0000", -number.exponent)
        out.put(number.digits, number.count)
    elif number.exponent < number.count:
        out.put(number.digits, number.exponent)
        out.put(".", 1)
        out.put(number.digits + number.exponent, number.count - number.exponent)
    else:
        out.put(number.digits, number.count)
        for n in range(number.exponent - number.count):
            out.put("0", 1)


cdef void put_scientific(Buffer out, const Decimal* number) noexcept:
    """Write a number as Python writes a very small or a very large one."""
    cdef int exponent = number.exponent - 1
    if number.is_negative:
        out.put("-", 1)
    out.put(number.digits, 1)
    if number.count > 1:
        out.put(".", 1)
        out.put(number.digits + 1, number.count - 1)
    out.put("e-" if exponent < 0 else "e+", 2)
    exponent = abs(exponent)
    if exponent >= 100:
        put_integer(out, exponent)
    else:
        out.put(PAIRS + 2 * exponent, 2)


# ── values ───────────────────────────────────────────────────────────────────────────────────────


cdef const char* put_value(
    Buffer out, const char* p, const char* end, Limits* limits, int objects, int deep
) except? NULL:
    """Write a value of JSON.

    Args:
        out: Has space for all that is left of the text.
        p: Where the value begins.
        end: Of the text.
        limits: What it may be.
        objects: In which it stands, below the properties.
        deep: Arrays and objects in which it stands.

    Returns:
        Where it ends; NULL to defer the record: no JSON, beyond a limit, or in a form that is not known.
    """
    cdef const char* stop
    if p == end:
        return NULL
    if p[0] == c'"':
        return put_string(out, p + 1, end, limits)
    if p[0] == c"-" or c"0" <= p[0] <= c"9":
        stop = put_number(out, p, end, WHOLE_DIGITS)
        if stop == NULL:
            stop = put_any_number(out, p, end, LEAST_INTEGER, MOST_INTEGER)
        if stop == NULL:
            stop = put_encoded_number(out, p, end, limits.encode_number)
        return stop
    if p[0] == c"[" and deep < DEEPEST:
        return put_array(out, p + 1, end, limits, objects, deep + 1)
    if p[0] == c"{" and deep < DEEPEST and objects < limits.nesting:
        return put_object(out, p + 1, end, limits, objects + 1, deep + 1)
    if end - p >= 4 and (memcmp(p, "true", 4) == 0 or memcmp(p, "null", 4) == 0):
        out.put(p, 4)
        return p + 4
    if end - p >= 5 and memcmp(p, "false", 5) == 0:
        out.put(p, 5)
        return p + 5
    return NULL


cdef const char* put_array(
    Buffer out, const char* p, const char* end, Limits* limits, int objects, int deep
) except? NULL:
    """Write an array, behind its bracket; as `put_value`."""
    cdef Py_ssize_t count
    out.put("[", 1)
    p = skip_blanks(p, end)
    if p < end and p[0] == c"]":
        out.put("]", 1)
        return p + 1
    for count in range(limits.elements):
        p = put_value(out, skip_blanks(p, end), end, limits, objects, deep)
        if p == NULL:
            return NULL
        p = skip_blanks(p, end)
        if p == end or (p[0] != c"," and p[0] != c"]"):
            return NULL
        out.put(p, 1)
        p += 1
        if (p - 1)[0] == c"]":
            return p
    return NULL


cdef const char* put_object(
    Buffer out, const char* p, const char* end, Limits* limits, int objects, int deep
) except? NULL:
    """Write an object, behind its brace; as `put_value`."""
    cdef KeyValue[MOST_NESTED] members
    cdef Py_ssize_t count, first
    out.put("{", 1)
    first = out.used()
    p = skip_blanks(p, end)
    if p < end and p[0] == c"}":
        out.put("}", 1)
        return p + 1
    for count in range(min(limits.keys, MOST_NESTED)):
        p = read_key(p, end, &members[count])
        if p == NULL:
            return NULL
        put_key(out, &members[count])
        p = put_value(out, p, end, limits, objects, deep)
        if p == NULL:
            return NULL
        members[count].size = out.used() - members[count].start
        p = skip_blanks(p, end)
        if p == end or (p[0] != c"," and p[0] != c"}"):
            return NULL
        out.put(p, 1)
        p += 1
        if (p - 1)[0] == c"}":
            return p if reorder(out, members, count + 1, first) else NULL
    return NULL


cdef bint reorder(Buffer out, KeyValue* members, Py_ssize_t count, Py_ssize_t first) except -1:
    """Bring the members of what was written last into order; False if two have one key."""
    cdef Py_ssize_t n, size = out.used() - first
    cdef char* copy
    cdef char* at
    for n in range(1, count):
        if compare_keys(&members[n - 1], &members[n]) >= 0:
            break
    else:
        return True
    if not sort_by_key(members, count):
        return False
    copy = at = <char*> PyMem_Malloc(size)
    if copy == NULL:
        raise MemoryError
    for n in range(count):
        memcpy(at, out.base + members[n].start, members[n].size)
        at += members[n].size
        at[0] = c","
        at += 1
    memcpy(out.base + first, copy, size - 1)  # the brace behind them stays
    PyMem_Free(copy)
    return True


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────


cdef const char* end_of_key(const char* p, const char* end) noexcept:
    """Return where the last quote of a string stands, behind its first; NULL if an escape is in it."""
    while p < end and KIND[<uint8_t> p[0]] == PLAIN:
        p += 1
    return p if p < end and p[0] == c'"' else NULL


cdef const char* read_key(const char* p, const char* end, KeyValue* member) noexcept:
    """Read the key of an object's next member.

    Returns:
        Where its value begins; NULL to defer the record.
    """
    cdef const char* stop
    p = skip_blanks(p, end)
    if p == end or p[0] != c'"':
        return NULL
    stop = end_of_key(p + 1, end)
    if stop == NULL:
        return NULL
    set_key(member, p + 1, stop - p - 1)
    p = skip_blanks(stop + 1, end)
    return skip_blanks(p + 1, end) if p < end and p[0] == c":" else NULL


cdef void put_key(Buffer out, KeyValue* member) noexcept:
    """Write a key that was read, and note where its member starts."""
    member.start = out.used()
    out.put(member.key - 1, member.key_size + 2)
    out.put(":", 1)


cdef void set_key(KeyValue* member, const char* key, Py_ssize_t size) noexcept:
    cdef uint64_t leading = 0
    cdef Py_ssize_t n
    for n in range(8):
        leading = leading << 8 | (<uint8_t> key[n] if n < size else 0)
    member.key, member.key_size, member.leading = key, size, leading


cdef Py_ssize_t compare_keys(const KeyValue* one, const KeyValue* other) noexcept:
    """Return less than 0, 0 or more: how two keys stand to each other by their code points."""
    cdef int found
    if one.leading != other.leading:
        return -1 if one.leading < other.leading else 1
    found = memcmp(one.key, other.key, min(one.key_size, other.key_size))
    return found if found else one.key_size - other.key_size


cdef bint sort_by_key(KeyValue* members, Py_ssize_t count) noexcept:
    """Sort by the keys; False if two are the same: then they are in some order."""
    cdef Py_ssize_t n, at, found
    cdef KeyValue member
    for n in range(1, count):
        member = members[n]
        at = n
        while at > 0:
            found = compare_keys(&members[at - 1], &member)
            if found == 0:
                members[at] = member
                return False
            if found < 0:
                break
            members[at] = members[at - 1]
            at -= 1
        members[at] = member
    return True
