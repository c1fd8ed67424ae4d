"""A local Mixpanel to rehearse on: made from Mixpanel's documentation, answering with its words.

`settings` says how it behaves and costs nothing to import; `server` starts it and loads the web server,
so import that where it is started.
"""

from importer.sandbox.settings import SandboxSettings as SandboxSettings
from importer.sandbox.settings import ServiceAccount as ServiceAccount
