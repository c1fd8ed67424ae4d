"""A local stand-in for Mixpanel to rehearse on, made from Mixpanel's documentation.

``settings`` says how it behaves and costs nothing to import. ``server`` starts it and loads the web server,
so import it only where it is started. A request goes through ``app``: ``body`` decodes it, ``access`` checks
credentials and the rate, ``validation`` judges its events, ``store`` keeps them, and ``responses`` makes the
answer.
"""
