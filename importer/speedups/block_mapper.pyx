# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Maps blocks of records to events: from the bytes of the file to the bytes that are sent."""

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
    DIGITS, Buffer, KeyValue, Limits, end_of_key, end_of_number, is_longer, put_integer, put_key,
    put_number, put_text, put_value, read_key, set_key, skip_blanks, sort_by_key,
)
from importer.speedups.odd_texts cimport AN_ID, OddTexts, is_ipv4
from importer.speedups.times cimport LATEST, Times

from importer.model import Event
from importer.reading import FIELDS

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        PyObject* (*tp_alloc)(PyTypeObject*, Py_ssize_t) except NULL
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:  # the fields, in the order of `importer.reading.FIELDS`
    OF_EVENT
    OF_USER
    OF_TIME
    OF_IP
    OF_ID
    OF_PROPERTIES
    FIELD_COUNT

cdef enum:  # what a key means; else the sum of the bits of some fields
    IS_PROPERTY
    IS_RESERVED
    IS_DEFERRED
    FIRST_FIELD = 4  # the bit of the first field; those of the others follow

cdef enum:  # what stands in a record as the value of a field
    MISSING
    TEXT
    NUMBER

cdef enum:  # the types of cells that are known here
    CELL_STRING
    CELL_INTEGER
    CELL_NUMBER
    CELL_BOOLEAN
    CELL_OTHER

cdef enum:
    NS_PER_MS = 1_000_000
    CACHE_SIZE = 10_000
    SLOTS = 1024

cdef dict CELL_TYPES = {
    "string": CELL_STRING, "integer": CELL_INTEGER, "number": CELL_NUMBER, "boolean": CELL_BOOLEAN,
}
cdef dict KEY_MEANINGS = {"property": IS_PROPERTY, "reserved": IS_RESERVED, "defer": IS_DEFERRED}


cdef int bits_of(meaning) except -1:
    """Return a `plan.KeyMeaning` as a number."""
    cdef int bits = 0
    if isinstance(meaning, str):
        return KEY_MEANINGS[meaning]
    for field in meaning:
        bits |= FIRST_FIELD << <int> FIELDS.index(field)
    return bits


cdef struct Key:
    char* text
    Py_ssize_t size
    int meaning


cdef class KeyMeanings:
    """A hash table of the keys of objects: what each means is asked once.

    Args:
        meaning_of: Returns the `plan.KeyMeaning` of a key.
    """

    cdef Key[SLOTS] slots
    cdef int count
    cdef object meaning_of

    def __cinit__(self, meaning_of):
        self.meaning_of = meaning_of

    def __dealloc__(self):
        self.clear()

    cdef void clear(self) noexcept:
        cdef int n
        for n in range(SLOTS):
            PyMem_Free(self.slots[n].text)
            self.slots[n].text = NULL
        self.count = 0

    cdef int get(self, const char* text, Py_ssize_t size) except -1:
        """Return what a key means."""
        cdef uint32_t hashed = 2166136261  # FNV-1a
        cdef Py_ssize_t n
        cdef int meaning
        cdef Key* key
        if self.count == SLOTS // 2:  # so that there always is a free slot
            self.clear()
        for n in range(size):
            hashed = (hashed ^ <uint8_t> text[n]) * 16777619
        key = &self.slots[hashed % SLOTS]
        while key.text != NULL:
            if key.size == size and memcmp(key.text, text, size) == 0:
                return key.meaning
            hashed += 1
            key = &self.slots[hashed % SLOTS]
        meaning = bits_of(self.meaning_of(PyUnicode_DecodeUTF8(text, size, NULL)))
        key.text = <char*> PyMem_Malloc(size + 1)
        if key.text == NULL:
            raise MemoryError
        memcpy(key.text, text, size)
        key.size, key.meaning = size, meaning
        self.count += 1
        return meaning


cdef struct FieldValue:
    int kind
    const char* text
    Py_ssize_t size


cdef struct Column:
    int cell
    int type
    Py_ssize_t prefix_size


cdef struct Trial:  # one of several cells that may give a field
    int place
    int cell
    bint taken  # in the record at hand


cdef class BlockMapper:
    """Makes the events of blocks of records by a plan; what it can't map, it defers to the slow path.

    Args:
        plan: A `plan.MappingPlan`.
    """

    # the plan
    cdef Column* columns
    cdef Py_ssize_t column_count, named_count  # columns; columns and constants
    cdef KeyValue* named  # the names of columns and of constants
    cdef list prefixes  # of each of those: its name as it begins a member, for a constant its value too
    cdef list encoders, nulls
    cdef int[FIELD_COUNT] cells
    cdef Trial* trials
    cdef Py_ssize_t trial_count
    cdef KeyMeanings outside, inside
    cdef Limits limits
    cdef Py_ssize_t max_properties, max_body, max_id_size
    cdef int64_t earliest
    cdef uint8_t[256] is_id_byte
    cdef bint always_has_reserved
    cdef Times times
    cdef object constant_event, constant_user
    cdef object read_time, read_number_as_time, encode_number, read_event_name
    cdef object hash_fact, row_suffix, note_on_names, refused_ids, has_note
    cdef OddTexts odd_texts
    cdef bytes tail, tail_with_ip
    cdef str note_no_user, note_finer_time
    cdef dict event_names  # as JSON, with the note on them, by name

    # the record at hand
    cdef FieldValue[FIELD_COUNT] fields
    cdef int fields_seen  # bits of the fields whose key has been read (JSON)
    cdef KeyValue* properties
    cdef Py_ssize_t count  # of properties
    cdef bint has_reserved
    cdef Buffer written  # the properties in the order in which they were read
    cdef Buffer unquoted  # the cell of the properties without its doubled quotes
    cdef Buffer joined  # the properties in the order of their names
    cdef Buffer output  # the fact that is hashed, then the event

    def __cinit__(self):
        self.columns = NULL
        self.trials = NULL
        self.named = self.properties = NULL

    def __dealloc__(self):
        PyMem_Free(self.columns)
        PyMem_Free(self.trials)
        PyMem_Free(self.named)
        PyMem_Free(self.properties)

    def __init__(self, plan):
        if self.columns != NULL:
            raise TypeError("initialized already")
        self.set_limits(plan.limits, plan.encode_number)
        self.set_layout(plan.layout, plan.constants, plan.note_on_names)
        self.nulls = [text.encode("utf-8", "surrogatepass") for text in plan.null]
        self.constant_event, self.constant_user = plan.event, plan.distinct_id
        self.times, self.read_time = plan.times, plan.read_time
        self.read_number_as_time = plan.read_number_as_time
        self.read_event_name, self.event_names = plan.read_event_name, {}
        self.hash_fact, self.row_suffix = plan.hash_fact, plan.row_suffix
        self.note_on_names, self.note_no_user = plan.note_on_names, plan.note_no_user
        self.note_finer_time = plan.note_finer_time
        self.odd_texts, self.has_note = plan.odd_texts, plan.has_note
        self.tail, self.tail_with_ip = plan.tail, plan.tail_with_ip
        self.written, self.unquoted, self.joined, self.output = Buffer(), Buffer(), Buffer(), Buffer()

    cdef int set_limits(self, limits, encode_number) except -1:
        cdef int n
        self.limits.text, self.limits.keys = limits.string_characters, limits.object_keys
        self.limits.elements, self.limits.nesting = limits.array_elements, limits.nesting
        self.encode_number = encode_number  # owns the reference that the limits, a struct, can't own
        self.limits.encode_number = <PyObject*> encode_number
        self.max_properties, self.max_body = limits.properties, limits.event_bytes
        self.earliest = limits.earliest_ms
        self.refused_ids, self.max_id_size = limits.refused_ids, limits.insert_id_bytes
        for n in range(256):
            self.is_id_byte[n] = n in limits.insert_id_characters
        return 0

    cdef int set_layout(self, layout, constants, note_on_names) except -1:
        cdef Py_ssize_t n
        cdef bytes prefix
        self.column_count = len(layout.columns)
        self.named_count = self.column_count + len(constants)
        self.columns = <Column*> PyMem_Malloc((self.column_count + 1) * sizeof(Column))
        self.named = <KeyValue*> PyMem_Malloc((self.named_count + 1) * sizeof(KeyValue))
        # Properties of the properties' object, of columns and constants, and the ip.
        self.properties = <KeyValue*> PyMem_Malloc(
            (self.max_properties + self.named_count + 1) * sizeof(KeyValue)
        )
        if self.columns == NULL or self.named == NULL or self.properties == NULL:
            raise MemoryError
        self.prefixes, self.encoders, names = [], [], []
        for n, (cell, name, type_, encode) in enumerate(layout.columns):
            prefix = b'"%b":' % name
            self.columns[n].cell, self.columns[n].type = cell, CELL_TYPES.get(type_, CELL_OTHER)
            self.columns[n].prefix_size = len(prefix)
            self.encoders.append(encode)
            self.prefixes.append(prefix)
            names.append(name.decode())
            set_key(&self.named[n], PyBytes_AS_STRING(prefix) + 1, len(name))
        for n, (name, value) in enumerate(constants, self.column_count):
            prefix = b'"%b":%b' % (name, value)
            self.prefixes.append(prefix)
            names.append(name.decode())
            set_key(&self.named[n], PyBytes_AS_STRING(prefix) + 1, len(name))
        self.always_has_reserved = bool(note_on_names(tuple(names)))
        for n, field in enumerate(FIELDS):
            self.cells[n] = layout.cells.get(field, -1)
        trials = [(place, cell) for place, field in enumerate(FIELDS) for cell in layout.alternatives.get(field, ())]
        self.trial_count = len(trials)
        self.trials = <Trial*> PyMem_Malloc((self.trial_count + 1) * sizeof(Trial))
        if self.trials == NULL:
            raise MemoryError
        for n, (place, cell) in enumerate(trials):
            self.trials[n].place, self.trials[n].cell, self.trials[n].taken = place, cell, False
        self.outside = KeyMeanings(layout.meaning_outside)
        self.inside = KeyMeanings(layout.meaning_inside)
        return 0

    def map(self, Block block not None, int64_t clock):
        """Return the event of each record, and None for one that is deferred.

        Args:
            block: Records of the source for which the plan was made.
            clock: Milliseconds since the epoch; a record with a later time is deferred.
        """
        cdef Py_ssize_t n
        self.check(block)
        return [
            self.event(block.row + n, block.lines[n], clock) if self.read(block, n) else None
            for n in range(block.count)
        ]

    def insert_ids(self, Block block not None, int64_t clock):
        """Return the ``$insert_id`` of each record, and None for one that is deferred.

        An id that the record has itself is returned whether the rest makes an event or not.

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
        found = self.supplied_id()
        if found is None:
            event = self.event(block.row + n, block.lines[n], clock)
            found = None if event is None else event.insert_id
        return found

    cdef int check(self, Block block) except -1:
        cdef Py_ssize_t n
        if self.columns == NULL:
            raise TypeError("not initialized")
        if block.width:
            for n in range(self.column_count):
                if not 0 <= self.columns[n].cell < block.width:
                    raise IndexError(self.columns[n].cell)
            for n in range(FIELD_COUNT):
                if self.cells[n] >= block.width:
                    raise IndexError(self.cells[n])
            for n in range(self.trial_count):
                if not 0 <= self.trials[n].cell < block.width:
                    raise IndexError(self.trials[n].cell)
        return 0

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    cdef bint read(self, Block block, Py_ssize_t n) except -1:
        """Find the fields of a record and write its properties; False to defer it."""
        cdef int place
        for place in range(FIELD_COUNT):
            self.fields[place].kind = MISSING
        self.count = self.fields_seen = 0
        self.written.at = self.written.base
        self.has_reserved = self.always_has_reserved
        return self.read_cells(block, n) if block.width else self.read_line(block, n)

    cdef bint read_cells(self, Block block, Py_ssize_t n) except -1:
        cdef const char* base = PyBytes_AS_STRING(block.data)
        cdef Span* spans = block.spans + n * block.width
        cdef Span* span
        cdef Column* column
        cdef Trial* trial
        cdef int place, quote
        cdef Py_ssize_t at, start
        for place in range(FIELD_COUNT):
            if self.cells[place] < 0:
                continue
            span = spans + self.cells[place]
            if self.is_null(base + span.start, span.size):
                continue
            if place == OF_PROPERTIES:
                quote = block.quote if span.doubled else -1
                if not self.read_properties_cell(base + span.start, span.size, quote):
                    return False
            elif span.doubled:
                return False
            else:
                self.fields[place].kind = TEXT
                self.fields[place].text, self.fields[place].size = base + span.start, span.size
        for at in range(self.trial_count):
            trial = &self.trials[at]
            span = spans + trial.cell
            trial.taken = self.fields[trial.place].kind == MISSING and not self.is_null(base + span.start, span.size)
            if trial.taken:
                if span.doubled:
                    return False
                self.fields[trial.place].kind = TEXT
                self.fields[trial.place].text, self.fields[trial.place].size = base + span.start, span.size
        for at in range(self.column_count):
            column = &self.columns[at]
            span = spans + column.cell
            if self.is_null(base + span.start, span.size) or (self.trial_count and self.is_taken(column.cell)):
                continue
            quote = block.quote if span.doubled else -1
            start = self.begin(at, 6 * span.size + 2)
            if not self.read_cell(column.type, base + span.start, span.size, quote):
                if quote >= 0:
                    return False
                value = self.encoders[at](PyUnicode_DecodeUTF8(base + span.start, span.size, NULL))
                if value is None:
                    return False
                self.written.at = self.written.base + start + column.prefix_size
                self.written.reserve(PyBytes_GET_SIZE(value))
                self.written.put(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
            self.add(&self.named[at], start)
        return True

    cdef bint is_taken(self, int cell) noexcept:
        """Return whether a cell gave a field that several cells may give."""
        cdef Py_ssize_t n
        for n in range(self.trial_count):
            if self.trials[n].taken and self.trials[n].cell == cell:
                return True
        return False

    cdef bint is_null(self, const char* text, Py_ssize_t size) except -1:
        """Return whether a cell means no value."""
        cdef bytes null
        if not size:
            return True
        for null in self.nulls:
            if PyBytes_GET_SIZE(null) == size and memcmp(PyBytes_AS_STRING(null), text, size) == 0:
                return True
        return False

    cdef bint read_cell(self, int type, const char* text, Py_ssize_t size, int quote) except -1:
        """Write the value of a cell; False if its JSON must be asked for."""
        cdef bytes word
        if type == CELL_STRING:
            if is_longer(text, size, self.limits.text):
                return False
            put_text(self.written, text, size, quote)
            return True
        if type == CELL_INTEGER and memchr(text, c".", size) != NULL:
            return False
        if type == CELL_INTEGER or type == CELL_NUMBER:
            return size <= DIGITS and put_number(self.written, text, text + size, DIGITS) == text + size
        if type == CELL_BOOLEAN:
            for word in (b"true", b"false", b"True", b"False", b"TRUE", b"FALSE"):
                if PyBytes_GET_SIZE(word) == size and memcmp(PyBytes_AS_STRING(word), text, size) == 0:
                    self.written.put("true" if size == 4 else "false", size)
                    return True
        return False

    cdef bint read_properties_cell(self, const char* text, Py_ssize_t size, int quote) except -1:
        """Read the cell of the properties' object; False to defer the record."""
        cdef const char* end = text + size
        cdef const char* p = text
        cdef const char* next_
        if quote >= 0:
            self.unquoted.at = self.unquoted.base
            self.unquoted.reserve(size)
            while True:
                next_ = <const char*> memchr(p, quote, end - p)
                if next_ == NULL:
                    break
                self.unquoted.put(p, next_ + 1 - p)
                p = next_ + 2
            self.unquoted.put(p, end - p)
            text, end = self.unquoted.base, self.unquoted.at
        p = skip_blanks(text, end)
        if p == end or p[0] != c"{":
            return False
        p = self.read_object(p + 1, end, self.inside)
        return p != NULL and skip_blanks(p, end) == end

    cdef bint read_line(self, Block block, Py_ssize_t n) except -1:
        cdef const char* p = PyBytes_AS_STRING(block.data) + block.spans[n].start
        cdef const char* end = p + block.spans[n].size
        p = skip_blanks(p, end)
        if p == end or p[0] != c"{":
            return False
        p = self.read_object(p + 1, end, self.outside)
        return p != NULL and skip_blanks(p, end) == end

    cdef const char* read_object(self, const char* p, const char* end, KeyMeanings meanings) except? NULL:
        """Read an object's members as fields and properties, behind its brace.

        Returns:
            Where it ends; NULL to defer the record.
        """
        cdef KeyValue key
        cdef int meaning
        self.written.reserve(end - p + 2)
        p = skip_blanks(p, end)
        if p < end and p[0] == c"}":
            return p + 1
        while self.count < self.max_properties:
            p = read_key(p, end, &key)
            if p == NULL:
                return NULL
            meaning = meanings.get(key.key, key.key_size)
            if meaning == IS_DEFERRED:
                return NULL
            if meaning < FIRST_FIELD:
                put_key(self.written, &key)
                p = put_value(self.written, p, end, &self.limits, 0, 0)
                if p == NULL:
                    return NULL
                self.add(&key, key.start)
                self.has_reserved = self.has_reserved or meaning == IS_RESERVED
            else:
                p = self.read_field(p, end, meaning)
                if p == NULL:
                    return NULL
            p = skip_blanks(p, end)
            if p == end:
                return NULL
            p += 1
            if (p - 1)[0] == c"}":
                return p
            if (p - 1)[0] != c",":
                return NULL
        return NULL

    cdef const char* read_field(self, const char* p, const char* end, int meaning) except? NULL:
        """Keep the value of one field or several.

        Returns:
            Where it ends; NULL to defer the record.
        """
        cdef FieldValue value
        cdef int place
        if p == end:
            return NULL
        value.kind, value.text = TEXT, p
        if p[0] == c"{" and meaning == FIRST_FIELD << OF_PROPERTIES:
            p = self.read_object(p + 1, end, self.inside)
            if p == NULL:
                return NULL
        elif p[0] == c'"':
            value.text += 1
            p = end_of_key(p + 1, end)
            if p == NULL or meaning >= FIRST_FIELD << OF_PROPERTIES:
                return NULL
            value.size = p - value.text
            p += 1
            if not value.size:
                value.kind = MISSING
        elif end - p >= 4 and memcmp(p, "null", 4) == 0:
            value.kind = MISSING
            p += 4
        elif meaning == FIRST_FIELD << OF_TIME:
            value.kind = NUMBER
            p = end_of_number(p, end)
            value.size = p - value.text
            if value.size > 1 and value.text[0] == c"0":
                return NULL
        else:
            return NULL
        if self.fields_seen & meaning:
            return NULL  # a key stands twice
        self.fields_seen |= meaning
        for place in range(FIELD_COUNT):
            if meaning & FIRST_FIELD << place:
                self.fields[place] = value
        return p

    # ── writing ──────────────────────────────────────────────────────────────────────────────────

    cdef inline Py_ssize_t begin(self, Py_ssize_t at, Py_ssize_t more) except -1:
        """Write the name of a column, or a whole constant, and return where it starts."""
        cdef bytes prefix = self.prefixes[at]
        cdef Py_ssize_t start = self.written.used()
        self.written.reserve(PyBytes_GET_SIZE(prefix) + more)
        self.written.put(PyBytes_AS_STRING(prefix), PyBytes_GET_SIZE(prefix))
        return start

    cdef inline void add(self, const KeyValue* named, Py_ssize_t start) noexcept:
        """Record what has been written since ``start`` as a property of that name."""
        cdef KeyValue* member = &self.properties[self.count]
        member[0] = named[0]
        member.start, member.size = start, self.written.used() - start
        self.count += 1

    cdef object event(self, object row, object line, int64_t clock):
        """Return the event of the record that was read; None to defer it."""
        cdef int64_t instant = self.instant(), milliseconds = instant // NS_PER_MS
        cdef object name, user, identity, name_note, note = ""
        cdef bytes name_json, tail
        cdef tuple read_name
        if instant < 0 or milliseconds < self.earliest or milliseconds > clock:
            return None
        name = self.text(OF_EVENT, self.constant_event)
        read_name = None if name is None else self.read_name(name)
        if read_name is None:
            return None
        name_json, name_note = read_name
        user = self.text(OF_USER, self.constant_user)
        if user is None:
            user = ""
        elif user in self.refused_ids or len(user) > self.limits.text:
            return None
        elif self.is_noted("distinct_id", &self.fields[OF_USER]):
            return None
        tail = self.add_ip()
        if tail is None or not self.add_constants():
            return None
        if self.has_reserved:
            note = self.note_on_names(tuple([
                PyUnicode_DecodeUTF8(self.properties[n].key, self.properties[n].key_size, NULL)
                for n in range(self.count)
            ]))
        if not sort_by_key(self.properties, self.count):
            return None
        self.join()
        identity = self.supplied_id()
        if identity is None:
            if self.fields[OF_ID].kind != MISSING:
                return None
            identity = self.hash_of(row, name_json, user, instant)
        body = self.body(name_json, milliseconds, user, identity, tail)
        if body is None:
            return None
        if note or name_note or not user or instant % NS_PER_MS:
            note = "; ".join(filter(None, (
                name_note, "" if user else self.note_no_user, note, self.note_finer_time if instant % NS_PER_MS else ""
            )))
        return new_event(row, line, name, user, identity, milliseconds, body, note)

    cdef int64_t instant(self) except? -1:
        """Return the time in nanoseconds since the epoch; -1 to defer the record."""
        cdef FieldValue* time = &self.fields[OF_TIME]
        cdef int64_t found
        if time.kind == MISSING:
            return -1
        if time.kind == NUMBER:
            found = self.times.number(time.text, time.size)
        else:
            found = self.times.instant(time.text, time.size)
        if found >= 0:
            return found
        read = self.read_number_as_time if time.kind == NUMBER else self.read_time
        other = read(PyUnicode_DecodeUTF8(time.text, time.size, NULL))
        return -1 if other is None or not 0 <= other <= LATEST else other

    cdef object text(self, int place, constant):
        """Return the text of a field; the constant where the record has none."""
        cdef FieldValue* field = &self.fields[place]
        return PyUnicode_DecodeUTF8(field.text, field.size, NULL) if field.kind == TEXT else constant

    cdef bint is_noted(self, field, FieldValue* value) except -1:
        """Return whether an id gets a note."""
        if value.kind != TEXT or not self.odd_texts.is_odd(value.text, value.size, AN_ID):
            return False
        return self.has_note(field, PyUnicode_DecodeUTF8(value.text, value.size, NULL))

    cdef tuple read_name(self, name):
        """Return the name of an event as JSON, and the note on it; None to defer the record."""
        found = self.event_names.get(name, self)
        if found is self:
            found = self.read_event_name(name)
            if len(self.event_names) > CACHE_SIZE:
                self.event_names.clear()
            self.event_names[name] = found
        return found

    cdef str supplied_id(self):
        """Return the id that the record has itself, if it is sent as it is."""
        cdef FieldValue* own = &self.fields[OF_ID]
        cdef Py_ssize_t n
        cdef str text
        if own.kind != TEXT or own.size > self.max_id_size:
            return None
        for n in range(own.size):
            if not self.is_id_byte[<uint8_t> own.text[n]]:
                return None
        text = PyUnicode_DecodeUTF8(own.text, own.size, NULL)
        return None if text in self.refused_ids or self.is_noted("insert_id", own) else text

    cdef bytes add_ip(self):
        """Make a property of the ip, and return the tail of the event; None to defer the record."""
        cdef FieldValue* ip = &self.fields[OF_IP]
        cdef KeyValue member
        cdef Py_ssize_t start = self.written.used()
        if ip.kind != TEXT:
            return self.tail
        if is_longer(ip.text, ip.size, self.limits.text):
            return None
        if not is_ipv4(ip.text, ip.size) and self.has_note("ip", PyUnicode_DecodeUTF8(ip.text, ip.size, NULL)):
            return None
        self.written.reserve(6 * ip.size + 7)
        self.written.put('"ip":', 5)
        put_text(self.written, ip.text, ip.size, -1)
        set_key(&member, "ip", 2)
        self.add(&member, start)
        return self.tail_with_ip

    cdef bint add_constants(self) except -1:
        """Add the properties of every record; False if there are too many."""
        cdef Py_ssize_t at
        for at in range(self.column_count, self.named_count):
            self.add(&self.named[at], self.begin(at, 0))
        return self.count <= self.max_properties

    cdef int join(self) except -1:
        """Write the sorted properties, separated by commas."""
        cdef Buffer joined = self.joined
        cdef Py_ssize_t n
        joined.at = joined.base
        joined.reserve(self.written.used() + self.count + 1)  # so that there is an address even for no properties
        for n in range(self.count):
            if n:
                joined.put(",", 1)
            joined.put(self.written.base + self.properties[n].start, self.properties[n].size)
        return 0

    cdef inline int put_user(self, user) except -1:
        cdef Py_ssize_t size
        cdef const char* text = PyUnicode_AsUTF8AndSize(user, &size)
        self.output.reserve(6 * size + 2)
        put_text(self.output, text, size, -1)
        return 0

    cdef inline int put_bytes(self, bytes text) except -1:
        self.output.reserve(PyBytes_GET_SIZE(text))
        self.output.put(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        return 0

    cdef object hash_of(self, row, bytes name_json, user, int64_t instant):
        """Return the hash of the fact, in the form of `importer.events.insert_id`."""
        cdef Buffer output = self.output
        output.at = output.base
        self.put_bytes(name_json)
        self.put_bytes(b"\n")
        self.put_user(user)
        output.reserve(self.joined.used() + 24)
        output.put("\n", 1)
        put_integer(output, instant)
        output.put("\n{", 2)
        output.put(self.joined.base, self.joined.used())
        output.put("}", 1)
        if self.row_suffix is not None:
            self.put_bytes(self.row_suffix(row))
        return self.hash_fact(PyBytes_FromStringAndSize(output.base, output.used()))

    cdef bytes body(self, bytes name_json, int64_t milliseconds, user, identity, bytes tail):
        """Return the event as it is sent, in the form of `importer.events.body`; None if it is too long."""
        cdef Buffer output = self.output
        cdef Py_ssize_t size
        cdef const char* text = PyUnicode_AsUTF8AndSize(identity, &size)
        output.at = output.base
        self.put_bytes(b'{"event":')
        self.put_bytes(name_json)
        output.reserve(64)
        output.put(',"properties":{"time":', 22)
        put_integer(output, milliseconds)
        output.put(',"distinct_id":', 15)
        self.put_user(user)
        output.reserve(64 + size + PyBytes_GET_SIZE(tail) + self.joined.used())
        output.put(',"$insert_id":"', 15)
        output.put(text, size)
        output.put('"', 1)
        output.put(PyBytes_AS_STRING(tail), PyBytes_GET_SIZE(tail))
        if self.count:
            output.put(",", 1)
            output.put(self.joined.base, self.joined.used())
        output.put("}}", 2)
        if output.used() > self.max_body:
            return None
        return PyBytes_FromStringAndSize(output.base, output.used())


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
