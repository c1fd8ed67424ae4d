"""Events → Mixpanel: batches are sent several at a time, and their verdicts come back in input order.

::

    Batch ───▶ window ──▶ sender threads ──▶ client ──▶ Mixpanel
                 ▲              ▲               │
                 │           throttle       Response
                 │                              ▼
    Verdict ◀────┴───────── pending ◀─ Reply ─ replies

``batches`` cuts blocks of events into requests. ``window`` holds the batches in flight and the sender
threads. ``client`` makes a request, lets httpx open a connection, and posts it by ``connection``; ``masking``
takes credentials out of what comes back. ``replies`` says what a response means, ``pending`` what is left to
do for its batch; ``throttle`` and ``backoff`` decide when the next request may go. Those four know no thread,
clock or socket. ``quota`` keeps all processes that send to a project below its limit. ``request_log`` writes
down what was sent and what came of it. ``send_one`` sends a single event. httpx is loaded with the first run.
"""
