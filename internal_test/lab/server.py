"""The server as the lab's test harness starts it: python3 server.py --address "127.0.0.1" --port 5378

This process builds chatd and becomes it, so that the harness's signals are for chatd itself. The lab wants room
for 16 users, and BUSY for the next.
"""

import os
import signal
import subprocess
import sys
import tempfile

signal.signal(signal.SIGINT, signal.SIG_DFL)  # while Go builds, SIGINT ends this process as SIGHUP does
root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
folder = os.path.join(tempfile.gettempdir(), "chatd-lab-%d" % os.getuid())
binary = os.path.join(folder, "chatd")

os.makedirs(folder, mode=0o700, exist_ok=True)
if os.stat(folder).st_uid != os.getuid():
    sys.exit(folder + " belongs to another user")
if subprocess.call(["go", "build", "-buildvcs=false", "-o", binary, "."], cwd=root) != 0:
    sys.exit(1)
os.execv(binary, [binary, "--max-users", "16"] + sys.argv[1:])
