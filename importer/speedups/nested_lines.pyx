# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Takes objects within lines of JSON apart, as `importer.events.nested` does: from lines to other lines.

What is written are the values as they stand in the source. A line is checked on the way to be JSON without a key
that stands twice and without a number that can't be kept: a line of which that is not sure is left to Python.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from importer.speedups.block cimport Block, Span
from importer.speedups.canonical cimport (
    DEEPEST, Buffer, KeyValue, Limits, behind_member, put_value, read_key, skip_blanks,
)
from importer.speedups.fields cimport part_of
from importer.speedups.hashes cimport hash_of
from importer.speedups.strings cimport end_of_plain

cdef enum:
    MOST_COLUMNS = 32  # that are taken apart
    MOST_VALUES = 8  # of a pair, that may be its value
    MOST_MEMBERS = 16  # of an object in a pair
    MOST_NAMES = 1024  # in a line: a power of two
    SURE_DIGITS = 15  # of an integer that a double surely holds
    MOST_NESTED = 64  # keys of an object that is not taken apart
    MOST_ELEMENTS = 1 << 30
    MOST_BYTES = 0x7FFFFFFF  # that a span can address


cdef struct Text:
    const char* start
    Py_ssize_t size


cdef class Nested:
    """What becomes of a column.

    Args:
        plan: A `plan.NestedPlan`.
    """

    cdef bytes key
    cdef int depth, values
    cdef Buffer out  # the members that it became in the line at hand, each with a comma behind it
    cdef bint is_flat, has_pairs
    cdef list paths  # in a pair: of the key, and of what may be the value
    cdef bint[MOST_VALUES + 1] are_numbers

    def __cinit__(self, plan):
        self.key, self.depth, self.out = plan.key, plan.depth, Buffer()
        self.is_flat, self.has_pairs = plan.depth > 0, plan.pairs is not None
        self.paths, self.values = [], 0
        if plan.pairs is not None:
            self.paths = [tuple(plan.pairs.key), *(tuple(path) for path, _ in plan.pairs.values)]
            self.values = len(plan.pairs.values)
            if self.values > MOST_VALUES or not all(self.paths):
                raise ValueError("too many values, or an empty path")
            for n, (_, is_number) in enumerate(plan.pairs.values, 1):
                self.are_numbers[n] = is_number


cdef class NestedLines:
    """Takes columns of lines of JSON apart.

    Args:
        plans: A `plan.NestedPlan` for each of the columns, in the order in which they are taken apart.
        as_number: Returns the JSON of a value of a pair that should be a number, given as the text that it is, or
            as its JSON, and whether it is a text.
    """

    cdef list columns  # `Nested`
    cdef object as_number
    cdef Limits loose
    cdef Buffer out, checked, path, names
    cdef uint32_t round  # the line at hand
    cdef uint32_t* rounds  # in which each slot of the table of names was filled last
    cdef int32_t* starts
    cdef int32_t* sizes
    cdef Py_ssize_t name_count

    def __cinit__(self, plans, as_number):
        self.rounds = NULL
        self.starts = self.sizes = NULL
        self.columns, self.as_number, self.round = [Nested(plan) for plan in plans], as_number, 0
        if len(self.columns) > MOST_COLUMNS:
            raise ValueError("too many columns")
        self.loose.text = self.loose.elements = MOST_ELEMENTS
        self.loose.keys, self.loose.nesting = MOST_NESTED, DEEPEST
        self.loose.encode_number = <PyObject*> no_number
        self.out, self.checked, self.path, self.names = Buffer(), Buffer(), Buffer(), Buffer()
        self.rounds = <uint32_t*> PyMem_Calloc(2 * MOST_NAMES, sizeof(uint32_t))
        self.starts = <int32_t*> PyMem_Malloc(2 * MOST_NAMES * sizeof(int32_t))
        self.sizes = <int32_t*> PyMem_Malloc(2 * MOST_NAMES * sizeof(int32_t))
        if self.rounds == NULL or self.starts == NULL or self.sizes == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.rounds)
        PyMem_Free(self.starts)
        PyMem_Free(self.sizes)

    def parts(self, Block block not None, Py_ssize_t least=1):
        """Return the lines of a block in parts of one kind, in order.

        Args:
            block: Of lines (JSONL).
            least: Lines that the parts of a block must have on average; else it is left to Python as a whole.

        Returns:
            For each part a block, and whether its lines are taken apart. Else they must be read by Python.
        """
        cdef Block made = Block.__new__(Block)
        cdef Py_ssize_t count = block.count, n, start = 0, runs = 1, at
        cdef char* found
        cdef list parts = []
        if block.width:
            raise ValueError("its records are no lines")
        made.spans = <Span*> PyMem_Malloc((count + 1) * sizeof(Span))
        made.lines = <int64_t*> PyMem_Malloc((count + 1) * sizeof(int64_t))
        found = <char*> PyMem_Malloc(count + 1)
        if made.spans == NULL or made.lines == NULL or found == NULL:
            PyMem_Free(found)
            raise MemoryError
        try:
            self.out.at = self.out.base
            for n in range(count):
                at = self.out.used()
                found[n] = self.read_line(block, n)
                if not found[n]:
                    self.out.at = self.out.base + at
                elif self.out.used() > MOST_BYTES:
                    return [(block, False)]
                made.spans[n].start, made.spans[n].size = <int32_t> at, <int32_t> (self.out.used() - at)
                made.spans[n].doubled = 0
                runs += n and found[n] != found[n - 1]
            if not count or (runs == 1 and not found[0]) or (runs > 1 and runs * least > count):
                return [(block, False)]
            memcpy(made.lines, block.lines, count * sizeof(int64_t))
            made.count = made._capacity = count
            made.data = PyBytes_FromStringAndSize(self.out.base, self.out.used())
            made.row, made.start, made.end = block.row, 0, self.out.used()
            made.quote, made._read, made.rejected = block.quote, block._read, block.rejected
            if runs == 1:
                return [(made, True)]
            for n in range(1, count + 1):
                if n == count or found[n] != found[start]:
                    whole = made if found[start] else block
                    part = part_of(Block.__new__(Block), whole, start, n)
                    (<Block> part).start = (<Block> whole).spans[start].start
                    (<Block> part).end = (<Block> whole).spans[n - 1].start + (<Block> whole).spans[n - 1].size
                    parts.append((part, bool(found[start])))
                    start = n
        finally:
            PyMem_Free(found)
        return parts

    # ── a line ───────────────────────────────────────────────────────────────────────────────────

    cdef bint read_line(self, Block block, Py_ssize_t n) except -1:
        """Write a line anew; False to leave it to Python."""
        cdef const char* p = PyBytes_AS_STRING(block.data) + block.spans[n].start
        cdef const char* end = p + block.spans[n].size
        cdef Nested column
        cdef Buffer out = self.out
        self.round += 1
        if not self.round:  # it went round
            self.forget_names()
        self.names.at, self.name_count = self.names.base, 0
        for column in self.columns:
            column.out.at = column.out.base
        p = skip_blanks(p, end)
        if p == end or p[0] != c"{":
            return False
        out.reserve(2 * (end - p) + 16)
        out.put("{", 1)
        p = self.read_members(p + 1, end)
        if p == NULL or skip_blanks(p, end) != end:
            return False
        for column in self.columns:
            out.reserve(column.out.used() + 2)
            if column.out.used():
                out.put(column.out.base, column.out.used())
        if (out.at - 1)[0] == c",":
            out.at -= 1
        out.reserve(2)
        out.put("}\n", 2)
        return True

    cdef const char* read_members(self, const char* p, const char* end) except? NULL:
        """Read the members of a line, behind its brace; return where they end; NULL to leave the line to Python."""
        cdef KeyValue key
        cdef Nested column
        cdef const char* value
        cdef bint is_last = False
        p = skip_blanks(p, end)
        if p < end and p[0] == c"}":
            return p + 1
        while True:
            p = read_key(p, end, &key)
            if p == NULL or p == end or not self.is_new(key.key, key.key_size):
                return NULL
            column = self.column_of(&key)
            value = p
            if column is not None and p[0] == c"[" and column.has_pairs:
                self.set_path(&key)
                p = self.read_pairs(p, end, column)
            elif column is not None and p[0] == c"{" and column.is_flat:
                self.set_path(&key)
                p = self.read_object(p + 1, end, column, column.depth)
            elif column is not None and column.has_pairs and p[0] != c"{" and p[0] != c"n":
                return NULL  # an error, or the text of a list
            elif column is not None and column.is_flat and may_begin_json(p, end):
                return NULL  # the text of an object
            else:
                p = self.check(p, end)
                if p == NULL:
                    return NULL
                if column is None or not column.is_flat or value[0] != c"n":
                    self.put_member(self.out, key.key, key.key_size, value, p)
            if p == NULL:
                return NULL
            p = behind_member(p, end, c"}", &is_last)
            if p == NULL or is_last:
                return p

    cdef Nested column_of(self, const KeyValue* key):
        """Return the column that a key is; None if it is none of those."""
        cdef Nested column
        for column in self.columns:
            if PyBytes_GET_SIZE(column.key) == key.key_size and (
                memcmp(PyBytes_AS_STRING(column.key), key.key, key.key_size) == 0
            ):
                return column
        return None

    cdef int set_path(self, const KeyValue* key) except -1:
        self.path.at = self.path.base
        self.path.reserve(key.key_size + 1)
        self.path.put(key.key, key.key_size)
        return 0

    cdef int put_member(
        self, Buffer out, const char* name, Py_ssize_t size, const char* value, const char* end
    ) except -1:
        """Write a name and its value, and a comma."""
        out.reserve(size + (end - value) + 4)
        out.put('"', 1)
        out.put(name, size)
        out.put('":', 2)
        out.put(value, end - value)
        out.put(",", 1)
        return 0

    # ── objects ──────────────────────────────────────────────────────────────────────────────────

    cdef const char* read_object(self, const char* p, const char* end, Nested column, int depth) except? NULL:
        """Write the members of an object behind the path at hand, behind its brace; as `read_members`."""
        cdef KeyValue key
        cdef Py_ssize_t outer = self.path.used()
        cdef bint is_last = False
        if column.depth - depth >= DEEPEST:
            return NULL
        p = skip_blanks(p, end)
        if p < end and p[0] == c"}":
            return p + 1
        while True:
            p = read_key(p, end, &key)
            if p == NULL or p == end:
                return NULL
            self.path.reserve(key.key_size + 1)
            self.path.put(".", 1)
            self.path.put(key.key, key.key_size)
            p = self.read_inner(p, end, column, depth)
            if p == NULL:
                return NULL
            self.path.at = self.path.base + outer
            p = behind_member(p, end, c"}", &is_last)
            if p == NULL or is_last:
                return p

    cdef const char* read_inner(self, const char* p, const char* end, Nested column, int depth) except? NULL:
        """Write a value of an object, or the members of it, under the path at hand; as `read_members`."""
        cdef const char* value = p
        if not self.is_new(self.path.base, self.path.used()):
            return NULL
        if p[0] == c"{" and depth > 1:
            return self.read_object(p + 1, end, column, depth - 1)
        p = self.check(p, end)
        if p == NULL or value[0] == c"n" or (value[0] == c"{" and skip_blanks(value + 1, end)[0] == c"}"):
            return p
        self.put_member(column.out, self.path.base, self.path.used(), value, p)
        return p

    # ── pairs ────────────────────────────────────────────────────────────────────────────────────

    cdef const char* read_pairs(self, const char* p, const char* end, Nested column) except? NULL:
        """Write a list of pairs as an object, or as the members of one that is taken apart; as `read_members`."""
        cdef Text[MOST_VALUES + 1] found
        cdef Py_ssize_t outer = self.path.used(), n
        cdef bint is_last = False
        cdef Buffer out = column.out if column.is_flat else self.out
        if not column.is_flat:
            out.reserve(outer + 5)
            out.put('"', 1)
            out.put(self.path.base, outer)
            out.put('":{', 3)
        p = skip_blanks(p + 1, end)
        if p < end and p[0] == c"]":
            p += 1
        else:
            while True:
                if p == end or p[0] != c"{":
                    return NULL
                for n in range(column.values + 1):
                    found[n].start, found[n].size = NULL, 0
                p = self.read_pair(p + 1, end, column, found, 0, (1 << (column.values + 1)) - 1)
                if p == NULL or not self.put_pair(column, out, found):
                    return NULL
                self.path.at = self.path.base + outer
                p = behind_member(p, end, c"]", &is_last)
                if p == NULL:
                    return NULL
                if is_last:
                    break
                p = skip_blanks(p, end)
        if not column.is_flat:
            if (out.at - 1)[0] == c",":
                out.at -= 1
            out.reserve(2)
            out.put("},", 2)
        return p

    cdef const char* read_pair(
        self, const char* p, const char* end, Nested column, Text* found, int level, int among
    ) except? NULL:
        """Find key and values in an object of a pair, behind its brace; as `read_members`.

        Args:
            p: Where its members begin.
            end: Of the text.
            column: Whose pair it is.
            found: Gets where they stand.
            level: Objects around it, in the pair.
            among: A bit for each path that leads here.
        """
        cdef KeyValue[MOST_MEMBERS] keys
        cdef Py_ssize_t count = 0, n
        cdef int deeper, ends
        cdef const char* value
        cdef bytes step
        cdef tuple path
        cdef bint is_last = False
        p = skip_blanks(p, end)
        if p < end and p[0] == c"}":
            return p + 1
        while count < MOST_MEMBERS:
            p = read_key(p, end, &keys[count])
            if p == NULL or p == end:
                return NULL
            for n in range(count):
                if keys[n].key_size == keys[count].key_size and (
                    memcmp(keys[n].key, keys[count].key, keys[n].key_size) == 0
                ):
                    return NULL
            deeper = ends = 0
            for n in range(column.values + 1):
                path = <tuple> column.paths[n]
                if among >> n & 1:
                    step = path[level]
                    if PyBytes_GET_SIZE(step) == keys[count].key_size and (
                        memcmp(PyBytes_AS_STRING(step), keys[count].key, keys[count].key_size) == 0
                    ):
                        if len(path) == level + 1:
                            ends |= 1 << n
                        else:
                            deeper |= 1 << n
            count += 1
            value = p
            if deeper and p[0] == c"{":
                if ends:
                    return NULL  # one path leads to an object in which another goes on
                p = self.read_pair(p + 1, end, column, found, level + 1, deeper)
            else:
                p = self.check(p, end)
            if p == NULL:
                return NULL
            for n in range(column.values + 1):
                if ends >> n & 1:
                    found[n].start, found[n].size = value, p - value
            p = behind_member(p, end, c"}", &is_last)
            if p == NULL or is_last:
                return p
        return NULL

    cdef bint put_pair(self, Nested column, Buffer out, Text* found) except -1:
        """Write a pair as a member; False to leave the line to Python."""
        cdef const char* key = found[0].start
        cdef Py_ssize_t size = found[0].size - 2, n
        cdef Text value
        if key == NULL or key[0] != c'"' or memchr(key + 1, c"\\", size) != NULL:
            return False
        self.path.reserve(size + 1)
        self.path.put(".", 1)
        self.path.put(key + 1, size)
        for n in range(1, column.values + 1):
            if found[n].start != NULL and found[n].start[0] != c"n":
                break
        else:
            if not column.is_flat:
                self.put_member(out, key + 1, size, "null", <const char*> "null" + 4)
            return self.is_new(self.path.base, self.path.used())
        value = found[n]
        if column.are_numbers[n] and value.start[0] != c"{" and value.start[0] != c"[":
            return self.put_number_of(column, out, key + 1, size, &value)
        if column.is_flat:
            return self.read_inner(value.start, value.start + value.size, column, column.depth) != NULL
        self.put_member(out, key + 1, size, value.start, value.start + value.size)
        return self.is_new(self.path.base, self.path.used())

    cdef bint put_number_of(self, Nested column, Buffer out, const char* key, Py_ssize_t size, Text* value) except -1:
        """Write a member that should be a number; False to leave the line to Python."""
        cdef const char* text = value.start
        cdef const char* end = text + value.size
        cdef bint is_text = text[0] == c'"'
        cdef bytes other
        if not self.is_new(self.path.base, self.path.used()):
            return False
        if column.is_flat:
            key, size = self.path.base, self.path.used()
        if is_text:
            text, end = text + 1, end - 1
            if memchr(text, c"\\", end - text) != NULL:
                return False
        if is_text and is_sure_integer(text, end):
            self.put_member(out, key, size, text, end)
        elif text < end and (text[0] == c"-" or c"0" <= text[0] <= c"9") and not is_sure_integer(text, end):
            other = self.as_number(PyUnicode_DecodeUTF8(text, end - text, NULL), is_text)
            self.put_member(out, key, size, PyBytes_AS_STRING(other), PyBytes_AS_STRING(other) + PyBytes_GET_SIZE(other))
        else:
            self.put_member(out, key, size, value.start, value.start + value.size)
        return True

    # ── what is checked ──────────────────────────────────────────────────────────────────────────

    cdef const char* check(self, const char* p, const char* end) except? NULL:
        """Return where a value ends, of which nothing is in doubt; NULL to leave the line to Python."""
        cdef const char* stop
        if p[0] == c'"':
            stop = end_of_plain(p + 1, end)
            if stop < end and stop[0] == c'"':
                return stop + 1
        self.checked.at = self.checked.base
        self.checked.reserve(end - p + 64)
        return put_value(self.checked, p, end, &self.loose, 0, 0)

    cdef bint is_new(self, const char* name, Py_ssize_t size) except -1:
        """Take note of a name; False if it was there in the line, or there are too many."""
        cdef uint64_t at = hash_of(0, name, size)
        if self.name_count == MOST_NAMES or self.names.used() + size > MOST_BYTES:
            return False
        while True:
            at &= 2 * MOST_NAMES - 1
            if self.rounds[at] != self.round:
                break
            if self.sizes[at] == size and memcmp(self.names.base + self.starts[at], name, size) == 0:
                return False
            at += 1
        self.rounds[at], self.starts[at], self.sizes[at] = self.round, <int32_t> self.names.used(), <int32_t> size
        self.names.reserve(size + 1)
        self.names.put(name, size)
        self.name_count += 1
        return True

    cdef void forget_names(self) noexcept:
        cdef Py_ssize_t n
        for n in range(2 * MOST_NAMES):
            self.rounds[n] = 0
        self.round = 1


cdef bint may_begin_json(const char* p, const char* end) noexcept:
    """Return whether a value is a text whose first character, but for white space, may be a brace or a bracket."""
    if p[0] != c'"' or end - p < 2:
        return False
    return p[1] == c"{" or p[1] == c"[" or p[1] == c" " or p[1] == c"\\" or p[1] & 0x80


cdef bint is_sure_integer(const char* text, const char* end) noexcept:
    """Return whether a text is an integer as JSON writes it, but for -0, and a double surely holds it."""
    cdef const char* p = text + (text < end and text[0] == c"-")
    if p == end or end - p > SURE_DIGITS or (p[0] == c"0" and (end - p > 1 or p > text)):
        return False
    while p < end:
        if not c"0" <= p[0] <= c"9":
            return False
        p += 1
    return True


def no_number(text):
    """Leave it to Python."""
