#!/bin/sh
# Gradescope runs this once, when the image is made. The server of the lab needs Python alone.
apt-get update && apt-get install -y --no-install-recommends python3
