"""Events → Mixpanel: batches go out several at a time, verdicts come back in order.

::

    batches ──▶ window ──▶ senders ──▶ mixpanel (httpx) ──▶ replies ──▶ job ──▶ window ──▶ verdicts
                              └── pacer: who may send now

``replies``, ``job``, ``pacer`` and ``backoff`` decide, and know no thread, clock or socket; ``window`` holds
the threads; ``mixpanel`` holds the sockets, and is loaded with the first run.
"""

from importer.delivery.batches import batches
from importer.delivery.destination import check_destination
from importer.delivery.engine import deliver
from importer.delivery.ports import SILENT, Client, Clock, Observer
from importer.delivery.single import OneReply, post_one

__all__ = [
    "SILENT",
    "Client",
    "Clock",
    "Observer",
    "OneReply",
    "batches",
    "check_destination",
    "deliver",
    "post_one",
]
