"""Events → Mixpanel: batches are sent several at a time, and their verdicts come back in input order.

::

    Batch ───▶ window ──▶ sender threads ──▶ client ──▶ Mixpanel
                 ▲              ▲               │
                 │           throttle       Response
                 │                              ▼
    Verdict ◀────┴───────── pending ◀─ Reply ─ replies

``batches`` cuts blocks of events into requests. ``window`` holds the batches in flight and the sender
threads. ``client`` makes a request and posts it through httpx, or through ``connection`` where one is open.
``replies`` says what a response means, ``pending`` what is left to do for its batch; ``throttle`` and
``backoff`` decide when the next request may go. Those four know no thread, clock or socket. ``send_one``
sends a single event. httpx is loaded with the first run.
"""
