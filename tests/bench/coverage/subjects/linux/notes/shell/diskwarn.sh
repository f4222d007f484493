#!/bin/bash
# says something if / is over 90 percent
used=$(df --output=pcent / | tail -n 1 | tr -dc 0-9)
if [ "$used" -gt 90 ]; then
	echo "disk nearly full: $used %" | logger -t diskwarn
fi
