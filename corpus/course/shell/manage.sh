# a service that comes back after a reboot, with rotated logs
docker run -d --name web --restart unless-stopped \
    --log-opt max-size=10m --log-opt max-file=3 nginx

# watch the last lines and follow
docker logs -f --tail 20 web

# take a config file out for a look
docker cp web:/etc/nginx/nginx.conf .

# stop and remove all containers, running or not (careful)
docker rm -f $(docker ps -aq)
