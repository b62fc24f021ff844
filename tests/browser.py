"""The browser that tests open pages in, if this machine has one."""

import shutil

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
