#!/bin/sh
# layers.sh - the folders include only what stands to their left
tools/layers.sh && echo "ok layers" || echo "not ok layers"
