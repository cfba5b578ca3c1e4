"""The app that a WSGI server loads: `portal.wsgi:app`, with the settings of the environment."""

import sys

from labs.client import forget_foreign
from portal.app import create_app
from portal.settings import VARIABLES, Settings, SettingsError

try:
    settings = Settings.from_environment()
except SettingsError as exc:
    sys.exit(str(exc))
forget_foreign(VARIABLES)
app = create_app(settings)
