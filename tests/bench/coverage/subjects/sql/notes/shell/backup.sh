#!/bin/sh
# crontab of user postgres: 0 3 * * * /usr/local/bin/backup.sh
pg_dump -Fc workshop > /var/backups/pg/workshop-$(date +%F).dump
# throw away what is older than two weeks
find /var/backups/pg -name 'workshop-*.dump' -mtime +14 -delete
