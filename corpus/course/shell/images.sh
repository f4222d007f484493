# a second name for an image
docker tag nginx:latest mine:stable

# where the space goes
docker history mine:stable
docker system df

# carry it to a host that has no internet
docker save nginx:latest | gzip > nginx.tar.gz
docker load -i nginx.tar.gz

# clean away dangling images
docker image prune
