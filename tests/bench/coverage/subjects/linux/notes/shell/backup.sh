#!/bin/bash
# stop at the first error, unset variables are errors too
set -eu
stamp=$(date +%F)
tar czf "/backup/home-$stamp.tar.gz" /home/anna
# throw away archives older than 30 days
find /backup -name "home-*.tar.gz" -mtime +30 -delete
