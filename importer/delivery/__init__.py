"""Events → Mixpanel: batches go out several at a time, verdicts come back in order.

::

    batches ──▶ window ──▶ senders ──▶ mixpanel (httpx) ──▶ replies ──▶ job ──▶ window ──▶ verdicts
                              └── pacer: who may send now

``replies``, ``job``, ``pacer`` and ``backoff`` decide, and know no thread, clock or socket; ``window`` holds
the threads; ``mixpanel`` holds the sockets, and is loaded with the first run.
"""
