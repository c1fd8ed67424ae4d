# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Events of records that need no care, from the bytes of the file to those that are sent."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp, memcpy

from importer.speedups.block cimport Block, Span
from importer.speedups.canonical cimport (
    DIGITS, Limits, Member, Room, blanks, end_of_key, end_of_number, is_longer, put_integer,
    put_key, put_number, put_text, put_value, read_key, set_key, sort,
)
from importer.speedups.times cimport LATEST, Times

from importer.model import Event

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        PyObject* (*tp_alloc)(PyTypeObject*, Py_ssize_t) except NULL
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:  # fields, in the order of what is told of them
    OF_EVENT
    OF_USER
    OF_TIME
    OF_IP
    OF_ID
    OF_BAG
    PLACES

cdef enum:  # what a key may be judged to be; or else fields, one or several
    IS_FIT
    IS_RESERVED
    IS_ODD
    IS_EVENT = 4

cdef enum:  # what was found of a field
    MISSING
    TEXT
    NUMBER

cdef enum:
    NS_PER_MS = 1_000_000
    MOST_KNOWN = 10_000
    SLOTS = 1024

FITS, RESERVED, ODD = IS_FIT, IS_RESERVED, IS_ODD
FIELDS = tuple([IS_EVENT << place for place in range(PLACES)])


cdef struct Name:
    char* text
    Py_ssize_t size
    int judged


cdef class Names:
    """The keys of objects, of which each is judged once.

    Args:
        judge: Given a key, says what it is: `FITS`, `RESERVED`, `ODD`, or the sum of some of `FIELDS`.
    """

    cdef Name[SLOTS] slots
    cdef int count
    cdef object judge

    def __cinit__(self, judge):
        self.judge = judge

    def __dealloc__(self):
        self.clear()

    cdef void clear(self) noexcept:
        cdef int n
        for n in range(SLOTS):
            PyMem_Free(self.slots[n].text)
            self.slots[n].text = NULL
        self.count = 0

    cdef int ask(self, const char* key, Py_ssize_t size) except -1:
        """Return what a key is."""
        cdef uint32_t hashed = 2166136261  # FNV-1a
        cdef Py_ssize_t n
        cdef Name* name
        if self.count == SLOTS // 2:  # so that there always is a free one
            self.clear()
        for n in range(size):
            hashed = (hashed ^ <uint8_t> key[n]) * 16777619
        name = &self.slots[hashed % SLOTS]
        while name.text != NULL:
            if name.size == size and memcmp(name.text, key, size) == 0:
                return name.judged
            hashed += 1
            name = &self.slots[hashed % SLOTS]
        judged = self.judge(PyUnicode_DecodeUTF8(key, size, NULL))
        name.text = <char*> PyMem_Malloc(size + 1)
        if name.text == NULL:
            raise MemoryError
        memcpy(name.text, key, size)
        name.size, name.judged = size, judged
        self.count += 1
        return judged


cdef struct Found:
    int kind
    const char* text
    Py_ssize_t size


cdef struct Column:
    int cell
    int kind
    Py_ssize_t head_size


cdef class Maker:
    """Makes the events of records that need no care, by one reading.

    Args:
        fields: CSV: the cells of event, distinct_id, time, ip, insert_id and properties; -1 for none.
        columns: CSV: of each property, sorted by name: its cell; its name, which JSON writes as it is; its
            kind (``s``, ``i``, ``n`` or ``b`` for a string, an integer, a number or a boolean, else another);
            and what gives the JSON of a cell that isn't known here, or None if it takes care.
        nulls: CSV: texts that mean "no value".
        outer: JSONL: judges a key of a line, as `Names` wants it.
        inner: Judges a key of the properties' object.
        given: Event and distinct_id that hold for every record, None for those that don't.
        constants: Name and JSON of the properties that hold for every record.
        name_of: Gives the JSON of an event's name, or None if it takes care.
        times: Reads the usual times.
        time_of: Gives the nanoseconds since the epoch of any other time, from its text and whether that is a
            number; None if it takes care.
        number_of: Gives the JSON of a number that is neither an integer nor a short decimal, or None if it
            takes care.
        digest: Gives the ``$insert_id`` of a fact.
        row_of: Gives what a fact ends with, from the number of its record; None where that doesn't count.
        note_of: Gives the note on the names of some properties.
        no_user: The note on a record without a user.
        finer: The note on a time that is finer than milliseconds.
        refused: Texts that are no ids.
        id_characters: What an ``$insert_id`` is made of.
        id_size: Most characters of one.
        limits: Most characters of a text, keys of an object, elements of an array, objects in one another,
            properties beside those of fields, and bytes of an event; and its earliest time, in milliseconds.
        tails: What stands behind the ``$insert_id`` of an event without an ip, and of one with an ip.
    """

    cdef Py_ssize_t column_count, fixed_count, count, most_members, most_body, id_size
    cdef Column* columns
    cdef Member* fixed  # names of columns and of constants
    cdef Member* members  # of the record at hand
    cdef Found[PLACES] found
    cdef int[PLACES] cells
    cdef int met  # fields of which a key stood in the record at hand (JSON)
    cdef uint8_t[256] of_id
    cdef Limits limits
    cdef int64_t earliest
    cdef bint has_reserved, always_has_reserved
    cdef Names outer, inner
    cdef Room own, bag, inside, whole
    cdef list heads, readers, nulls
    cdef Times times
    cdef dict names
    cdef object given_event, given_user
    cdef object name_of, time_of, number_of, digest, row_of, note_of, refused
    cdef bytes tail, tail_with_ip
    cdef str no_user, finer

    def __cinit__(self):
        self.columns = NULL
        self.fixed = self.members = NULL

    def __dealloc__(self):
        PyMem_Free(self.columns)
        PyMem_Free(self.fixed)
        PyMem_Free(self.members)

    def __init__(
        self, *, fields, columns, nulls, outer, inner, given, constants, name_of, times, time_of, number_of,
        digest, row_of, note_of, no_user, finer, refused, id_characters, id_size, limits, tails
    ):
        cdef Py_ssize_t n
        cdef bytes head
        if self.columns != NULL:
            raise TypeError("made already")
        self.limits.text, self.limits.keys, self.limits.elements, self.limits.nesting = limits[:4]
        self.most_members, self.most_body, self.earliest = limits[4:]
        self.number_of = number_of  # holds it for the limits, which can't
        self.limits.number_of = <PyObject*> number_of
        self.column_count = len(columns)
        self.fixed_count = self.column_count + len(constants)
        self.columns = <Column*> PyMem_Malloc((self.column_count + 1) * sizeof(Column))
        self.fixed = <Member*> PyMem_Malloc((self.fixed_count + 1) * sizeof(Member))
        # Those of the properties' object, of columns and constants, and the ip.
        self.members = <Member*> PyMem_Malloc((self.most_members + self.fixed_count + 1) * sizeof(Member))
        if self.columns == NULL or self.fixed == NULL or self.members == NULL:
            raise MemoryError
        self.heads, self.readers = [], []
        for n, (cell, name, kind, reader) in enumerate(columns):
            head = b'"%b":' % name
            self.columns[n].cell, self.columns[n].kind = cell, ord(kind)
            self.columns[n].head_size = len(head)
            self.readers.append(reader)
            self.heads.append(head)
            set_key(&self.fixed[n], PyBytes_AS_STRING(head) + 1, len(name))
        for n, (name, value) in enumerate(constants, self.column_count):
            head = b'"%b":%b' % (name, value)
            self.heads.append(head)
            set_key(&self.fixed[n], PyBytes_AS_STRING(head) + 1, len(name))
        fixed = [name.decode() for _, name, _, _ in columns] + [name.decode() for name, _ in constants]
        self.always_has_reserved = bool(note_of(tuple(fixed)))
        for n in range(PLACES):
            self.cells[n] = fields[n]
        for n in range(256):
            self.of_id[n] = n in id_characters
        self.nulls = [text.encode("utf-8", "surrogatepass") for text in nulls]
        self.outer, self.inner = Names(outer), Names(inner)
        self.own, self.bag, self.inside, self.whole = Room(), Room(), Room(), Room()
        self.given_event, self.given_user = given
        self.names = {}
        self.name_of, self.times, self.time_of = name_of, times, time_of
        self.digest, self.row_of, self.note_of = digest, row_of, note_of
        self.no_user, self.finer = no_user, finer
        self.refused, self.id_size = refused, id_size
        self.tail, self.tail_with_ip = tails

    def map(self, Block block not None, int64_t clock):
        """Return the event of each record, and None for one that takes care.

        Args:
            block: As the reading has it: as wide as its columns, or lines.
            clock: Milliseconds since the epoch; a later time takes care.
        """
        cdef Py_ssize_t n
        self.check(block)
        return [
            self.event(block.row + n, block.lines[n], clock) if self.read(block, n) else None
            for n in range(block.count)
        ]

    def insert_ids(self, Block block not None, int64_t clock):
        """Return the ``$insert_id`` of each record, and None for one that takes care.

        One that the record brings along is returned whether the rest makes an event or not.

        Args:
            block: As for `map`.
            clock: Likewise.
        """
        cdef Py_ssize_t n
        self.check(block)
        return [self.insert_id(block, n, clock) for n in range(block.count)]

    cdef object insert_id(self, Block block, Py_ssize_t n, int64_t clock):
        if not self.read(block, n):
            return None
        found = self.own_id()
        if found is None:
            event = self.event(block.row + n, block.lines[n], clock)
            found = None if event is None else event.insert_id
        return found

    cdef int check(self, Block block) except -1:
        cdef Py_ssize_t n
        if self.columns == NULL:
            raise TypeError("not made yet")
        if block.width:
            for n in range(self.column_count):
                if not 0 <= self.columns[n].cell < block.width:
                    raise IndexError(self.columns[n].cell)
            for n in range(PLACES):
                if self.cells[n] >= block.width:
                    raise IndexError(self.cells[n])
        return 0

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    cdef bint read(self, Block block, Py_ssize_t n) except -1:
        """Find the fields of a record and write its properties; False if it takes care."""
        cdef int place
        for place in range(PLACES):
            self.found[place].kind = MISSING
        self.count = self.met = 0
        self.own.at = self.own.base
        self.has_reserved = self.always_has_reserved
        return self.read_cells(block, n) if block.width else self.read_line(block, n)

    cdef bint read_cells(self, Block block, Py_ssize_t n) except -1:
        cdef const char* base = PyBytes_AS_STRING(block.data)
        cdef Span* spans = block.spans + n * block.width
        cdef Span* span
        cdef Column* column
        cdef int place, quote
        cdef Py_ssize_t at, start
        for place in range(PLACES):
            if self.cells[place] < 0:
                continue
            span = spans + self.cells[place]
            if self.is_null(base + span.start, span.size):
                continue
            if place == OF_BAG:
                if not self.read_bag(base + span.start, span.size, block.quote if span.doubled else -1):
                    return False
            elif span.doubled:
                return False
            else:
                self.found[place].kind = TEXT
                self.found[place].text, self.found[place].size = base + span.start, span.size
        for at in range(self.column_count):
            column = &self.columns[at]
            span = spans + column.cell
            if self.is_null(base + span.start, span.size):
                continue
            quote = block.quote if span.doubled else -1
            start = self.begin(at, 6 * span.size + 2)
            if not self.read_cell(column.kind, base + span.start, span.size, quote):
                if quote >= 0:
                    return False
                value = self.readers[at](PyUnicode_DecodeUTF8(base + span.start, span.size, NULL))
                if value is None:
                    return False
                self.own.at = self.own.base + start + column.head_size
                self.own.ask(PyBytes_GET_SIZE(value))
                self.own.put(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
            self.add(&self.fixed[at], start)
        return True

    cdef bint is_null(self, const char* text, Py_ssize_t size) except -1:
        """True if a cell means no value."""
        cdef bytes null
        if not size:
            return True
        for null in self.nulls:
            if PyBytes_GET_SIZE(null) == size and memcmp(PyBytes_AS_STRING(null), text, size) == 0:
                return True
        return False

    cdef bint read_cell(self, int kind, const char* text, Py_ssize_t size, int quote) except -1:
        """Write the value of a cell; False if it isn't known here."""
        cdef bytes word
        if kind == c"s":
            if is_longer(text, size, self.limits.text):
                return False
            put_text(self.own, text, size, quote)
            return True
        if kind == c"i" and memchr(text, c".", size) != NULL:
            return False
        if kind == c"i" or kind == c"n":
            return size <= DIGITS and put_number(self.own, text, text + size, DIGITS) == text + size
        if kind == c"b":
            for word in (b"true", b"false", b"True", b"False", b"TRUE", b"FALSE"):
                if PyBytes_GET_SIZE(word) == size and memcmp(PyBytes_AS_STRING(word), text, size) == 0:
                    self.own.put("true" if size == 4 else "false", size)
                    return True
        return False

    cdef bint read_bag(self, const char* text, Py_ssize_t size, int quote) except -1:
        """Read the cell of the properties' object; False if it takes care."""
        cdef const char* end = text + size
        cdef const char* p = text
        cdef const char* next_
        if quote >= 0:
            self.bag.at = self.bag.base
            self.bag.ask(size)
            while True:
                next_ = <const char*> memchr(p, quote, end - p)
                if next_ == NULL:
                    break
                self.bag.put(p, next_ + 1 - p)
                p = next_ + 2
            self.bag.put(p, end - p)
            text, end = self.bag.base, self.bag.at
        p = blanks(text, end)
        if p == end or p[0] != c"{":
            return False
        p = self.read_object(p + 1, end, self.inner)
        return p != NULL and blanks(p, end) == end

    cdef bint read_line(self, Block block, Py_ssize_t n) except -1:
        cdef const char* p = PyBytes_AS_STRING(block.data) + block.spans[n].start
        cdef const char* end = p + block.spans[n].size
        p = blanks(p, end)
        if p == end or p[0] != c"{":
            return False
        p = self.read_object(p + 1, end, self.outer)
        return p != NULL and blanks(p, end) == end

    cdef const char* read_object(self, const char* p, const char* end, Names names) except? NULL:
        """Read an object's members as fields and properties, behind its brace.

        Returns:
            Where it ends; NULL if it is none or takes care.
        """
        cdef Member key
        cdef int judged
        self.own.ask(end - p + 2)
        p = blanks(p, end)
        if p < end and p[0] == c"}":
            return p + 1
        while self.count < self.most_members:
            p = read_key(p, end, &key)
            if p == NULL:
                return NULL
            judged = names.ask(key.key, key.key_size)
            if judged == IS_ODD:
                return NULL
            if judged < IS_EVENT:
                put_key(self.own, &key)
                p = put_value(self.own, p, end, &self.limits, 0, 0)
                if p == NULL:
                    return NULL
                self.add(&key, key.start)
                self.has_reserved = self.has_reserved or judged == IS_RESERVED
            else:
                p = self.read_field(p, end, judged)
                if p == NULL:
                    return NULL
            p = blanks(p, end)
            if p == end:
                return NULL
            p += 1
            if (p - 1)[0] == c"}":
                return p
            if (p - 1)[0] != c",":
                return NULL
        return NULL

    cdef const char* read_field(self, const char* p, const char* end, int judged) except? NULL:
        """Keep the value of one field or several.

        Returns:
            Where it ends; NULL if it takes care.
        """
        cdef Found found
        cdef int place
        if p == end:
            return NULL
        found.kind, found.text = TEXT, p
        if p[0] == c"{" and judged == IS_EVENT << OF_BAG:
            p = self.read_object(p + 1, end, self.inner)
            if p == NULL:
                return NULL
        elif p[0] == c'"':
            found.text += 1
            p = end_of_key(p + 1, end)
            if p == NULL or judged >= IS_EVENT << OF_BAG:
                return NULL
            found.size = p - found.text
            p += 1
            if not found.size:
                found.kind = MISSING
        elif end - p >= 4 and memcmp(p, "null", 4) == 0:
            found.kind = MISSING
            p += 4
        elif judged == IS_EVENT << OF_TIME:
            found.kind = NUMBER
            p = end_of_number(p, end)
            found.size = p - found.text
            if found.size > 1 and found.text[0] == c"0":
                return NULL
        else:
            return NULL
        if self.met & judged:
            return NULL  # a key stands twice
        self.met |= judged
        for place in range(PLACES):
            if judged & IS_EVENT << place:
                self.found[place] = found
        return p

    # ── writing ──────────────────────────────────────────────────────────────────────────────────

    cdef inline Py_ssize_t begin(self, Py_ssize_t at, Py_ssize_t more) except -1:
        """Write the name of a column, or a constant, and return where it starts."""
        cdef bytes head = self.heads[at]
        cdef Py_ssize_t start = self.own.used()
        self.own.ask(PyBytes_GET_SIZE(head) + more)
        self.own.put(PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head))
        return start

    cdef inline void add(self, const Member* named, Py_ssize_t start) noexcept:
        """Count what was written from there on as a property of that name."""
        cdef Member* member = &self.members[self.count]
        member[0] = named[0]
        member.start, member.size = start, self.own.used() - start
        self.count += 1

    cdef object event(self, object row, object line, int64_t clock):
        """Return the event of the record that was read; None if it takes care."""
        cdef int64_t instant = self.instant(), milliseconds = instant // NS_PER_MS
        cdef object name, user, identity, note = ""
        cdef bytes name_json, tail
        if instant < 0 or milliseconds < self.earliest or milliseconds > clock:
            return None
        name = self.text(OF_EVENT, self.given_event)
        name_json = None if name is None else self.name_json(name)
        if name_json is None:
            return None
        user = self.text(OF_USER, self.given_user)
        if user is None:
            user = ""
        elif user in self.refused or len(user) > self.limits.text:
            return None
        tail = self.add_ip()
        if tail is None or not self.add_constants():
            return None
        if self.has_reserved:
            note = self.note_of(tuple([
                PyUnicode_DecodeUTF8(self.members[n].key, self.members[n].key_size, NULL)
                for n in range(self.count)
            ]))
        if not sort(self.members, self.count):
            return None
        self.join()
        identity = self.own_id()
        if identity is None:
            if self.found[OF_ID].kind != MISSING:
                return None
            identity = self.hashed(row, name_json, user, instant)
        body = self.body(name_json, milliseconds, user, identity, tail)
        if body is None:
            return None
        if note or not user or instant % NS_PER_MS:
            note = "; ".join(filter(None, (
                "" if user else self.no_user, note, self.finer if instant % NS_PER_MS else ""
            )))
        return new_event(row, line, name, user, identity, milliseconds, body, note)

    cdef int64_t instant(self) except? -1:
        """Return the time in nanoseconds since the epoch; -1 if it takes care."""
        cdef Found* time = &self.found[OF_TIME]
        cdef int64_t found
        if time.kind == MISSING:
            return -1
        found = self.times.instant(time.text, time.size)
        if found >= 0:
            return found
        other = self.time_of(PyUnicode_DecodeUTF8(time.text, time.size, NULL), time.kind == NUMBER)
        return -1 if other is None or not 0 <= other <= LATEST else other

    cdef object text(self, int place, given):
        """Return the text of a field, or what is given for every record."""
        cdef Found* found = &self.found[place]
        return PyUnicode_DecodeUTF8(found.text, found.size, NULL) if found.kind == TEXT else given

    cdef bytes name_json(self, name):
        """Return the name of an event as JSON; None if it takes care."""
        found = self.names.get(name, self)
        if found is self:
            found = self.name_of(name)
            if len(self.names) > MOST_KNOWN:
                self.names.clear()
            self.names[name] = found
        return found

    cdef str own_id(self):
        """Return the id that the record brings along, if it is sent as it is."""
        cdef Found* own = &self.found[OF_ID]
        cdef Py_ssize_t n
        cdef str text
        if own.kind != TEXT or own.size > self.id_size:
            return None
        for n in range(own.size):
            if not self.of_id[<uint8_t> own.text[n]]:
                return None
        text = PyUnicode_DecodeUTF8(own.text, own.size, NULL)
        return None if text in self.refused else text

    cdef bytes add_ip(self):
        """Make a property of the ip, and return the tail of the event; None if it takes care."""
        cdef Found* ip = &self.found[OF_IP]
        cdef Member member
        cdef Py_ssize_t start = self.own.used()
        if ip.kind != TEXT:
            return self.tail
        if is_longer(ip.text, ip.size, self.limits.text):
            return None
        self.own.ask(6 * ip.size + 7)
        self.own.put('"ip":', 5)
        put_text(self.own, ip.text, ip.size, -1)
        set_key(&member, "ip", 2)
        self.add(&member, start)
        return self.tail_with_ip

    cdef bint add_constants(self) except -1:
        """Add the properties of every record; False if there are too many."""
        cdef Py_ssize_t at
        for at in range(self.column_count, self.fixed_count):
            self.add(&self.fixed[at], self.begin(at, 0))
        return self.count <= self.most_members

    cdef int join(self) except -1:
        """Write the properties, parted by commas."""
        cdef Room inside = self.inside
        cdef Py_ssize_t n
        inside.at = inside.base
        inside.ask(self.own.used() + self.count + 1)  # so that there is an address even for nothing
        for n in range(self.count):
            if n:
                inside.put(",", 1)
            inside.put(self.own.base + self.members[n].start, self.members[n].size)
        return 0

    cdef inline int put_user(self, user) except -1:
        cdef Py_ssize_t size
        cdef const char* text = PyUnicode_AsUTF8AndSize(user, &size)
        self.whole.ask(6 * size + 2)
        put_text(self.whole, text, size, -1)
        return 0

    cdef inline int put_bytes(self, bytes text) except -1:
        self.whole.ask(PyBytes_GET_SIZE(text))
        self.whole.put(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        return 0

    cdef object hashed(self, row, bytes name_json, user, int64_t instant):
        """Return the id of the fact, in the form that `importer.events.insert_id` says."""
        cdef Room whole = self.whole
        whole.at = whole.base
        self.put_bytes(name_json)
        self.put_bytes(b"\n")
        self.put_user(user)
        whole.ask(self.inside.used() + 24)
        whole.put("\n", 1)
        put_integer(whole, instant)
        whole.put("\n{", 2)
        whole.put(self.inside.base, self.inside.used())
        whole.put("}", 1)
        if self.row_of is not None:
            self.put_bytes(self.row_of(row))
        return self.digest(PyBytes_FromStringAndSize(whole.base, whole.used()))

    cdef bytes body(self, bytes name_json, int64_t milliseconds, user, identity, bytes tail):
        """Return the event as it is sent, in the form of `importer.events.body`; None if it is too long."""
        cdef Room whole = self.whole
        cdef Py_ssize_t size
        cdef const char* text = PyUnicode_AsUTF8AndSize(identity, &size)
        whole.at = whole.base
        self.put_bytes(b'{"event":')
        self.put_bytes(name_json)
        whole.ask(64)
        whole.put(',"properties":{"time":', 22)
        put_integer(whole, milliseconds)
        whole.put(',"distinct_id":', 15)
        self.put_user(user)
        whole.ask(64 + size + PyBytes_GET_SIZE(tail) + self.inside.used())
        whole.put(',"$insert_id":"', 15)
        whole.put(text, size)
        whole.put('"', 1)
        whole.put(PyBytes_AS_STRING(tail), PyBytes_GET_SIZE(tail))
        if self.count:
            whole.put(",", 1)
            whole.put(self.inside.base, self.inside.used())
        whole.put("}}", 2)
        if whole.used() > self.most_body:
            return None
        return PyBytes_FromStringAndSize(whole.base, whole.used())


cdef inline void hold(PyObject* event, Py_ssize_t at, object value):
    Py_INCREF(value)  # which the tuple takes over
    PyTuple_SET_ITEM(<object> event, at, value)


cdef object new_event(row, line, name, user, insert_id, time, body, note):
    """Return an `Event`, at a fifth of what its constructor costs."""
    cdef PyObject* made = (<PyTypeObject*> Event).tp_alloc(<PyTypeObject*> Event, 8)
    hold(made, 0, row)
    hold(made, 1, line)
    hold(made, 2, name)
    hold(made, 3, user)
    hold(made, 4, insert_id)
    hold(made, 5, time)
    hold(made, 6, body)
    hold(made, 7, note)
    event = <object> made
    Py_DECREF(event)  # `event` holds it now
    return event
