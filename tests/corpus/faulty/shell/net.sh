# make one and look at it
docker network create evening
docker network inspect evening
