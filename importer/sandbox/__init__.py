"""A local stand-in for Mixpanel to rehearse on, made from Mixpanel's documentation.

``settings`` says how it behaves and costs nothing to import. ``server`` starts it and loads the web server,
so import it only where it is started. A request goes through ``app``: ``access`` checks whom it is for, its
credentials and the rate, ``body`` decodes it, ``validation`` judges its events, ``store`` keeps them, and
``responses`` makes the answer; ``faults`` says what goes wrong on purpose.
"""
