"""Whether a column called ``name`` or ``type`` holds names of events, or of people and things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from importer.events.field_names import is_label, plain_name
from importer.model import Record

_MOST_LABELS: Final = 50
"""Most distinct values, in a sample of up to 1,000 records, of what may be names of events."""

# Columns of lists of people, of products and of orders: a name beside them is one of theirs. What events
# often have, too, such as a page, a plan, a title, a URL or a country, is not among them.
_OF_OTHER_THINGS: Final = frozenset(
    {
        "address", "age", "amount", "avatar", "avatarurl", "barcode", "birthdate", "birthday",
        "brand", "color", "colour", "company", "companyname", "cost", "currency", "customer",
        "dateofbirth", "description", "discount", "dob", "ean", "email", "emailaddress",
        "familyname", "firstname", "fullname", "gender", "givenname", "id", "image", "imageurl",
        "inventory", "isbn", "jobtitle", "lastname", "mail", "manufacturer", "middlename", "mobile",
        "ordernumber", "phone", "phonenumber", "photo", "picture", "postalcode", "postcode",
        "price", "product", "productid", "productname", "qty", "quantity", "salary", "sex", "size",
        "sku", "stock", "street", "subtotal", "surname", "tax", "total", "totalprice", "unitprice",
        "upc", "username", "vendor", "weight", "zip", "zipcode",
    }
)  # fmt: skip


def find_labels(columns: Sequence[str], sample: Sequence[Record]) -> list[str]:
    """Return the columns called ``name`` or ``type`` whose values are plainly names of events.

    That is so if few values repeat, and if no column beside them is one of people, products or orders.

    Args:
        columns: The columns of the source.
        sample: Its first records.
    """
    if any(plain_name(column) in _OF_OTHER_THINGS for column in columns):
        return []
    return [column for column in columns if is_label(column) and _few_repeat(column, columns, sample)]


def _few_repeat(column: str, columns: Sequence[str], sample: Sequence[Record]) -> bool:
    key: Any = column
    if sample and not isinstance(sample[0].values, dict):
        key = columns.index(column)
        found = [record.values[key] for record in sample]
    else:
        found = [record.values.get(key) for record in sample if isinstance(record.values, dict)]
    values = [value for value in found if value is not None and value != ""]
    if not all(isinstance(value, str) for value in values):
        return False
    distinct = len(set(values))
    return 0 < distinct <= min(len(values) // 2, _MOST_LABELS)
